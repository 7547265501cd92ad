// Ids of requests that were declared unseen and must never run, should they come after all (failure rule 2). Each owner has a share
// of them: who probes for ids by the thousand forgets his own.

export class BurnedIds {
  readonly #max: number;
  readonly #maxPerOwner: number;
  readonly #byOwner = new Map<string, Set<string>>();
  #count = 0;

  /** Beyond `maxPerOwner` an owner's oldest is forgotten; beyond `max` the oldest of whoever burned first. */
  constructor(max: number, maxPerOwner: number) {
    this.#max = max;
    this.#maxPerOwner = maxPerOwner;
  }

  has(owner: string, id: string): boolean {
    return this.#byOwner.get(owner)?.has(id) === true;
  }

  add(owner: string, id: string): void {
    const own = this.#byOwner.get(owner) ?? new Set();
    if (own.has(id)) return;
    if (own.size >= this.#maxPerOwner) this.#forgetOldest(owner, own);
    else if (this.#count >= this.#max) {
      for (const [other, theirs] of this.#byOwner) {
        this.#forgetOldest(other, theirs);
        break;
      }
    }
    own.add(id);
    this.#byOwner.set(owner, own);
    this.#count++;
  }

  #forgetOldest(owner: string, ids: Set<string>): void {
    const [oldest] = ids;
    if (oldest === undefined) return;
    ids.delete(oldest);
    this.#count--;
    if (ids.size === 0) this.#byOwner.delete(owner);
  }
}
