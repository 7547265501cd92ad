// Times as people write them on the command line.
import { misuse } from "./failure.ts";

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `20s`, `2m`, `500ms`, `24h`, `7d`, or a bare number of seconds, in ms. Misuse, naming the flag, for anything else. */
export function parseDuration(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
  const unit = UNITS_MS[(match?.[2] ?? "s") as keyof typeof UNITS_MS];
  const value = match === null ? Number.NaN : Number(match[1]) * unit;
  if (!(value > 0)) throw misuse(`${flag} ${text}: a time as 20s, 2m or 500ms is expected`);
  return value;
}
