// Ids of requests that were declared unseen and must never run, should they come after all (failure rule 2). Each owner has a share
// of them: who probes for ids by the thousand forgets his own.

export class BurnedIds {
  readonly #max: number;
  readonly #maxPerOwner: number;
  readonly #byOwner = new Map<string, OwnIds>();
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
    const own = this.#byOwner.get(owner) ?? new OwnIds();
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

  #forgetOldest(owner: string, ids: OwnIds): void {
    ids.forgetOldest();
    this.#count--;
    if (ids.size === 0) this.#byOwner.delete(owner);
  }
}

/** In the order they came. A Set keeps it too, but its first entry is found by going over the holes of all that were before it. */
class OwnIds {
  readonly #ids = new Set<string>();
  #order: string[] = [];
  #first = 0;

  get size(): number {
    return this.#ids.size;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
    this.#order.push(id);
  }

  forgetOldest(): void {
    const oldest = this.#order[this.#first++];
    if (oldest !== undefined) this.#ids.delete(oldest);
    if (this.#first * 2 < this.#order.length) return;
    this.#order = this.#order.slice(this.#first);
    this.#first = 0;
  }
}
