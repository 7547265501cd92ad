// A duration as the Gateway API writes it: `1h30m`, `500ms`.

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const DURATION = /^([0-9]{1,5}(h|ms|m|s)){1,4}$/;

/** In ms; undefined if it is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let sumMs = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]{1,5})(h|ms|m|s)/g)) {
    sumMs += Number(count) * (UNIT_MS[unit as string] as number);
  }
  return sumMs;
}
