// 64-bit integers between bigint and the pair of 32-bit halves that protobufjs reads and writes.

/** As protobufjs yields it (a Long) and as it accepts it. */
export interface Halves {
  readonly low: number;
  readonly high: number;
}

const halves = new Int32Array(2);
const signed = new BigInt64Array(halves.buffer);
const unsigned = new BigUint64Array(halves.buffer);

export function bigintFromHalves(value: Halves, isUnsigned: boolean): bigint {
  if (value.high === 0) return BigInt(value.low >>> 0);
  halves[LOW] = value.low;
  halves[HIGH] = value.high;
  return (isUnsigned ? unsigned[0] : signed[0]) as bigint;
}

/** The value must be in range. */
export function halvesFromBigint(value: bigint): Halves {
  signed[0] = BigInt.asIntN(64, value);
  return { low: halves[LOW] as number, high: halves[HIGH] as number };
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const LOW = LITTLE_ENDIAN ? 0 : 1;
const HIGH = LITTLE_ENDIAN ? 1 : 0;

export const INT64_MIN = -(2n ** 63n);
export const INT64_MAX = 2n ** 63n - 1n;
export const UINT64_MAX = 2n ** 64n - 1n;
