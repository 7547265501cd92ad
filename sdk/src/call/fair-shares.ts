// Who has to give way in a table of a fixed size that many principals fill: whoever holds more than his share, and while the one
// who adds does so, he himself. So nobody loses what he keeps to somebody who keeps more.

export class FairShares {
  /** What each principal holds, in whatever the table is measured by. */
  readonly #held = new Map<string, number>();
  readonly #bound: number;
  #total = 0;
  /** Who was found to hold the most, when that was looked for last. */
  #most = "";

  constructor(bound: number) {
    this.#bound = bound;
  }

  get isOver(): boolean {
    return this.#total > this.#bound;
  }

  add(principal: string, amount: number): void {
    this.#total += amount;
    this.#held.set(principal, (this.#held.get(principal) ?? 0) + amount);
  }

  remove(principal: string, amount: number): void {
    this.#total -= amount;
    const left = (this.#held.get(principal) ?? 0) - amount;
    if (left > 0) this.#held.set(principal, left);
    else this.#held.delete(principal);
  }

  /** Whose oldest has to go, now that there is too much and this one has added. */
  whoGives(adding: string): string {
    const share = this.#bound / Math.max(1, this.#held.size);
    if ((this.#held.get(adding) ?? 0) > share) return adding;
    // Looked for again only when it has come down to its share, so that a full table is not gone through at each reply.
    if ((this.#held.get(this.#most) ?? 0) <= share) this.#findMost();
    return this.#most;
  }

  #findMost(): void {
    let most = Number.NEGATIVE_INFINITY;
    for (const [principal, amount] of this.#held) {
      if (amount <= most) continue;
      most = amount;
      this.#most = principal;
    }
  }
}
