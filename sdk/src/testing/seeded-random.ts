// Chance that repeats itself: the same seed gives the same numbers on every machine.

/**
 * Numbers in [0, 1), uniform enough for tests and never for secrets. The generator is splitmix32, the mixing function of
 * MurmurHash3 over a Weyl sequence (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
 */
export function seededRandom(seed: number): () => number {
  const next = splitmix32(seed);
  return () => next() / 2 ** 32;
}

/** Fills bytes, for `IdSource` and `TraceIdSource` in tests: ids that are distinct and the same in every run. */
export function seededFill(seed: number): (pool: Uint8Array) => void {
  const next = splitmix32(seed);
  return (pool) => {
    for (let i = 0; i < pool.length; i++) pool[i] = next() >>> 24;
  };
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x85ebca6b);
    mixed ^= mixed >>> 13;
    mixed = Math.imul(mixed, 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
}
