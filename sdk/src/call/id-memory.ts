// Whether an id was seen, for very many ids: two generations of hashes. When the younger is full the older is forgotten, so that
// forgetting one costs nothing: a Set from which the oldest is taken each time grows slower with every hole at its beginning.
import { hashed } from "./id-hash.ts";

/** A table is at most half full. */
const SLOTS_PER_ID = 2.5;

export class IdMemory {
  readonly #half: number;
  #young: HashSet | undefined;
  #old: HashSet | undefined;

  /** Remembers the last `most / 2` ids for sure, and at most `most`. */
  constructor(most: number) {
    this.#half = Math.ceil(most / 2);
  }

  /** Adds the id that was hashed last. */
  addHashed(): void {
    this.#young ??= new HashSet(this.#half);
    if (this.#young.size >= this.#half) {
      const emptied = this.#old ?? new HashSet(this.#half);
      emptied.clear();
      this.#old = this.#young;
      this.#young = emptied;
    }
    this.#young.add(hashed.low, hashed.high);
  }

  /** Whether the id that was hashed last is remembered. */
  hasHashed(): boolean {
    const { low, high } = hashed;
    return this.#young?.has(low, high) === true || this.#old?.has(low, high) === true;
  }
}

/** Open addressing with linear probing; a pair of zeros marks a free slot and is stored as one and zero. */
class HashSet {
  readonly #pairs: Uint32Array;
  readonly #mask: number;
  #size = 0;

  constructor(most: number) {
    const slots = 2 ** Math.ceil(Math.log2(most * SLOTS_PER_ID));
    this.#mask = slots - 1;
    this.#pairs = new Uint32Array(slots * 2);
  }

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#pairs.fill(0);
    this.#size = 0;
  }

  add(low: number, high: number): void {
    const at = this.#find(low, high);
    if (this.#pairs[at] !== 0 || this.#pairs[at + 1] !== 0) return;
    this.#pairs[at] = low === 0 && high === 0 ? 1 : low;
    this.#pairs[at + 1] = high;
    this.#size++;
  }

  has(low: number, high: number): boolean {
    const at = this.#find(low, high);
    return this.#pairs[at] !== 0 || this.#pairs[at + 1] !== 0;
  }

  /** Where it stands, or would. */
  #find(low: number, high: number): number {
    const first = low === 0 && high === 0 ? 1 : low;
    for (let slot = low & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * 2;
      const there = this.#pairs[at];
      const beside = this.#pairs[at + 1];
      if ((there === 0 && beside === 0) || (there === first && beside === high)) return at;
    }
  }
}
