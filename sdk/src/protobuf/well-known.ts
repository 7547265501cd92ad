// The JavaScript side of google/protobuf/*.proto, and the step between it and what JavaScript has itself.

declare const kind: unique symbol;

/** `google.protobuf.Timestamp`: seconds since 1970 and nanoseconds on top, 0 to 999,999,999. */
export interface Timestamp {
  seconds: bigint;
  nanos: number;
  /** Never there at run time: it keeps instants and durations apart. */
  readonly [kind]?: "timestamp";
}

/** `google.protobuf.Duration`: seconds and nanoseconds of the same sign. */
export interface Duration {
  seconds: bigint;
  nanos: number;
  /** Never there at run time: it keeps instants and durations apart. */
  readonly [kind]?: "duration";
}

/** `google.protobuf.Any`: another message, still encoded. `typeUrl` ends with `/` and the full name of its type. */
export interface Any {
  typeUrl: string;
  value: Uint8Array;
}

/** `google.protobuf.FieldMask`: paths with the field names of the .proto file (`user.display_name`). */
export interface FieldMask {
  paths: string[];
}

/** `google.protobuf.Empty` */
export type Empty = Record<string, never>;

/** `google.protobuf.Value`: whatever JSON can hold. */
export type JsonValue = null | number | string | boolean | JsonObject | JsonValue[];
/** `google.protobuf.Struct` */
export interface JsonObject {
  [key: string]: JsonValue;
}

const MS_PER_SECOND = 1000;
const NANOS_PER_MS = 1_000_000;

/** The instant of a Date, to the millisecond. Throws a RangeError for an invalid Date. */
export function timestampFromDate(date: Date): Timestamp {
  const ms = date.getTime();
  if (Number.isNaN(ms)) throw new RangeError("an invalid Date is no Timestamp");
  const seconds = Math.floor(ms / MS_PER_SECOND);
  return { seconds: BigInt(seconds), nanos: (ms - seconds * MS_PER_SECOND) * NANOS_PER_MS };
}

/** The instant as a Date; what is finer than a millisecond is cut off. */
export function timestampToDate(timestamp: Timestamp): Date {
  return new Date(Number(timestamp.seconds) * MS_PER_SECOND + Math.floor(timestamp.nanos / NANOS_PER_MS));
}

/** A number of milliseconds, fractions kept to the nanosecond. Throws a RangeError if it is not finite. */
export function durationFromMs(ms: number): Duration {
  if (!Number.isFinite(ms)) throw new RangeError(`${ms} ms is no Duration`);
  const seconds = Math.trunc(ms / MS_PER_SECOND);
  const nanos = Math.round((ms - seconds * MS_PER_SECOND) * NANOS_PER_MS);
  const carry = Math.trunc(nanos / (MS_PER_SECOND * NANOS_PER_MS));
  return { seconds: BigInt(seconds + carry), nanos: nanos - carry * MS_PER_SECOND * NANOS_PER_MS || 0 };
}

/** The duration in milliseconds, with fractions. */
export function durationToMs(duration: Duration): number {
  return Number(duration.seconds) * MS_PER_SECOND + duration.nanos / NANOS_PER_MS;
}
