// Whether an id was seen, for very many ids: generations of hashes. The oldest is forgotten at once, so that forgetting costs
// nothing: a Set from which the oldest is taken each time grows slower with every hole at its beginning.

/** Ids of a generation, and how many generations there are at most: each look-up goes through all of them. */
const GENERATION_IDS = 6_250;
const MAX_GENERATIONS = 8;
/** Slots of a new table. */
const FIRST_SLOTS = 64;

export class IdMemory {
  /** The youngest first. */
  readonly #generations: HashSet[] = [];

  /** Returns by how many ids it has grown, or shrunk. One that is known already may count twice: to look for it costs more. */
  add(low: number, high: number): number {
    let forgotten = 0;
    if (this.#generations.length === 0 || (this.#generations[0] as HashSet).size >= GENERATION_IDS) {
      if (this.#generations.length === MAX_GENERATIONS) forgotten = this.forgetOldest();
      this.#generations.unshift(new HashSet());
    }
    (this.#generations[0] as HashSet).add(low, high);
    return 1 - forgotten;
  }

  has(low: number, high: number): boolean {
    for (const generation of this.#generations) if (generation.has(low, high)) return true;
    return false;
  }

  /** Forgets the oldest generation and returns how many ids that were. */
  forgetOldest(): number {
    return this.#generations.pop()?.size ?? 0;
  }
}

/** Open addressing with linear probing, at most half full; a pair of zeros marks a free slot and is stored as one and zero. */
class HashSet {
  #pairs = new Uint32Array(FIRST_SLOTS * 2);
  #mask = FIRST_SLOTS - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(low: number, high: number): void {
    const at = this.#find(low, high);
    if (this.#isTaken(at)) return;
    this.#pairs[at] = low === 0 && high === 0 ? 1 : low;
    this.#pairs[at + 1] = high;
    this.#size++;
    if (this.#size * 2 > this.#mask) this.#grow();
  }

  has(low: number, high: number): boolean {
    return this.#isTaken(this.#find(low, high));
  }

  #isTaken(at: number): boolean {
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

  #grow(): void {
    const old = this.#pairs;
    this.#pairs = new Uint32Array(old.length * 2);
    this.#mask = this.#mask * 2 + 1;
    this.#size = 0;
    for (let at = 0; at < old.length; at += 2) {
      const low = old[at] as number;
      const high = old[at + 1] as number;
      if (low !== 0 || high !== 0) this.add(low, high);
    }
  }
}
