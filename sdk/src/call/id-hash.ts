// Ids as 64 bits, so that tables of very many of them hold numbers and the garbage collector has nothing to walk. Two lanes of
// FNV-1a (Fowler, Noll, Vo) with a finisher of MurmurHash3 (Appleby), seeded by chance: nobody can prepare two ids that meet.

const SEED_LOW = (Math.random() * 0x1_0000_0000) >>> 0;
const SEED_HIGH = (Math.random() * 0x1_0000_0000) >>> 0;
const PRIME = 0x01000193;
const PRIME_HIGH = 0x85ebca6b;

/** The hash that was computed last; one object, since a fresh pair for each call would be garbage. */
export const hashed = { low: 0, high: 0 };

/** Leaves the hash of an id in `hashed`. */
export function hashId(id: string): void {
  let low = SEED_LOW;
  let high = SEED_HIGH;
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i);
    low = Math.imul(low ^ code, PRIME);
    high = Math.imul(high ^ code, PRIME_HIGH);
    high ^= high >>> 15;
  }
  hashed.low = finish(low ^ id.length);
  hashed.high = finish(high + low);
}

function finish(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
