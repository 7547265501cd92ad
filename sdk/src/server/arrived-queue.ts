// Requests that were read and wait for their turn after the read chunk they came in, so that a cancel right behind a call still
// finds it unstarted.

/**
 * So many may wait. A read chunk holds fewer, unless requests are tiny and the event loop was blocked for long; what comes beyond
 * could not start anyhow.
 */
export const MAX_ARRIVED = 10_000;

export class ArrivedQueue<Item extends { readonly id: string }> {
  readonly #onTurn: (item: Item) => void;
  readonly #onError: (error: unknown) => void;
  #items: Item[] = [];

  /** `onError` gets what `onTurn` threw; the others have their turn all the same. */
  constructor(onTurn: (item: Item) => void, onError: (error: unknown) => void) {
    this.#onTurn = onTurn;
    this.#onError = onError;
  }

  get size(): number {
    return this.#items.length;
  }

  ids(): ReadonlySet<string> {
    return new Set(this.#items.map(({ id }) => id));
  }

  /** False if too many wait: it is not taken. */
  add(item: Item): boolean {
    if (this.#items.length >= MAX_ARRIVED) return false;
    this.#items.push(item);
    if (this.#items.length === 1) setImmediate(() => this.#takeTurns());
    return true;
  }

  #takeTurns(): void {
    const items = this.#items;
    this.#items = [];
    for (const item of items) {
      try {
        this.#onTurn(item);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
