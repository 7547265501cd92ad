// Latencies counted by size: constant memory, constant time a value, every quantile within one percent.

/** Values below this have a bucket each; above, each power of two has half as many, so none is wider than 1/128 of its value. */
const EXACT = 256;
const HALF = EXACT / 2;
const HALF_BITS = 7;
/** Largest value kept apart, in µs: half an hour. What is larger counts as this. */
const MAX_US = 2 ** 31 - 1;
const BUCKETS = (31 - HALF_BITS) * HALF + HALF;

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #maxUs = 0;

  get count(): number {
    return this.#total;
  }

  /** The largest value, in ms, as it was given. */
  get maxMs(): number {
    return this.#maxUs / 1000;
  }

  /** Counts one value, in ms. Negative ones count as 0. */
  record(ms: number): void {
    const us = ms > 0 ? Math.min(Math.round(ms * 1000), MAX_US) : 0;
    if (us > this.#maxUs) this.#maxUs = us;
    const index = bucketOf(us);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#total++;
  }

  /** The value, in ms, that a share of all values (0 to 1) does not exceed; at most 1 % above it. 0 if there are none. */
  quantileMs(share: number): number {
    if (this.#total === 0) return 0;
    const rank = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    for (let index = 0; index < BUCKETS; index++) {
      seen += this.#counts[index] as number;
      if (seen >= rank) return Math.min(upperUs(index), this.#maxUs) / 1000;
    }
    return this.maxMs;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#maxUs = 0;
  }
}

function bucketOf(us: number): number {
  if (us < EXACT) return us;
  const shift = 31 - Math.clz32(us) - HALF_BITS;
  return shift * HALF + (us >> shift);
}

/** The largest value of a bucket. */
function upperUs(index: number): number {
  if (index < EXACT) return index;
  const shift = Math.floor(index / HALF) - 1;
  return (index - shift * HALF + 1) * 2 ** shift - 1;
}
