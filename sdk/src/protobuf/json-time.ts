// Timestamps, durations and field masks as the protobuf JSON mapping spells them.
import { FieldProblem, showValue } from "./field-problem.ts";
import { camelCase } from "./message-plan.ts";
import type { Duration, Timestamp } from "./well-known.ts";

const NANOS_PER_SECOND = 1_000_000_000;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what RFC 3339 can spell and the mapping allows. */
const MIN_TIMESTAMP_SECONDS = -62_135_596_800n;
const MAX_TIMESTAMP_SECONDS = 253_402_300_799n;
/** About ten thousand years, the range duration.proto documents. */
const MAX_DURATION_SECONDS = 315_576_000_000n;

export function formatTimestamp({ seconds, nanos }: Timestamp): string {
  if (seconds < MIN_TIMESTAMP_SECONDS || seconds > MAX_TIMESTAMP_SECONDS) {
    throw new FieldProblem(`a Timestamp of ${seconds} s is outside the years 1 to 9999`);
  }
  if (nanos < 0 || nanos >= NANOS_PER_SECOND) throw new FieldProblem(`a Timestamp cannot have ${nanos} ns`);
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, -".000Z".length);
  return `${whole}${formatFraction(nanos)}Z`;
}

export function formatDuration({ seconds, nanos }: Duration): string {
  if (seconds < -MAX_DURATION_SECONDS || seconds > MAX_DURATION_SECONDS) {
    throw new FieldProblem(`a Duration of ${seconds} s is out of range`);
  }
  if (Math.abs(nanos) >= NANOS_PER_SECOND) throw new FieldProblem(`a Duration cannot have ${nanos} ns`);
  if ((seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0)) {
    throw new FieldProblem("seconds and nanos of a Duration must have the same sign");
  }
  const negative = seconds < 0n || nanos < 0;
  return `${negative ? "-" : ""}${seconds < 0n ? -seconds : seconds}${formatFraction(Math.abs(nanos))}s`;
}

/** Nothing, or a point and 3, 6 or 9 digits. */
function formatFraction(nanos: number): string {
  if (nanos === 0) return "";
  const digits = String(nanos).padStart(9, "0");
  return `.${digits.replace(/(?:000){1,2}$/, "")}`;
}

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

export function parseTimestamp(json: unknown): Timestamp {
  const match = typeof json === "string" ? TIMESTAMP.exec(json) : null;
  if (match === null)
    throw new FieldProblem(`expected a time such as "2026-01-31T12:00:00.5Z", got ${showValue(json)}`);
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const isReal =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!isReal) throw new FieldProblem(`${showValue(json)} is no instant of the calendar`);
  const offsetSeconds = (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * 60 * (match[8] === "-" ? -1 : 1);
  const seconds = BigInt(date.getTime() / 1000 - offsetSeconds);
  if (seconds < MIN_TIMESTAMP_SECONDS || seconds > MAX_TIMESTAMP_SECONDS) {
    throw new FieldProblem(`${showValue(json)} is outside the years 1 to 9999`);
  }
  return { seconds, nanos: parseFraction(match[7]) };
}

export function parseDuration(json: unknown): Duration {
  const match = typeof json === "string" ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(json) : null;
  if (match === null) throw new FieldProblem(`expected a duration such as "1.5s", got ${showValue(json)}`);
  const seconds = BigInt(match[2] as string);
  if (seconds > MAX_DURATION_SECONDS) throw new FieldProblem(`${showValue(json)} is out of range for a Duration`);
  const nanos = parseFraction(match[3]);
  return match[1] === "-" ? { seconds: -seconds, nanos: nanos === 0 ? 0 : -nanos } : { seconds, nanos };
}

function parseFraction(digits: string | undefined): number {
  return digits === undefined ? 0 : Number(digits.padEnd(9, "0"));
}

/** Paths joined by commas, in lowerCamelCase. A path that would not come back as it was is refused. */
export function formatFieldMask(paths: readonly string[]): string {
  return paths.map(formatPath).join(",");
}

function formatPath(path: string): string {
  const camel = path.split(".").map(camelCase).join(".");
  if (snakeCase(camel) === path) return camel;
  throw new FieldProblem(`the path ${JSON.stringify(path)} has no form in JSON; paths are in lower_snake_case`);
}

export function parseFieldMask(json: unknown): string[] {
  if (typeof json !== "string") throw new FieldProblem(`expected field paths joined by commas, got ${showValue(json)}`);
  if (json === "") return [];
  if (json.includes("_")) throw new FieldProblem(`the paths ${showValue(json)} must be in lowerCamelCase`);
  return json.split(",").map(snakeCase);
}

function snakeCase(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
