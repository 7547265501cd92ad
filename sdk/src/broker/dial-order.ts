// Which server a connection dials next, and when. The client itself would begin with the one it has just lost, which costs a second
// when that one does not even refuse; and it would dial at one pace for ever, which thousands of clients that a server cannot take at
// once would drown it with.
import type { Server } from "nats";

/** After a loss so many dials of each server follow at once, as long as one that was killed takes to be back. */
const QUICK_ROUNDS = 10;
/** Then each waits longer, … */
const FIRST_PAUSE_MS = 100;
/** … up to this, in ms: 10,000 clients dial 13,000 times a second then, and each is there a second after it can be. */
const LONGEST_PAUSE_MS = 1_000;

export class DialOrder {
  readonly #ranked: readonly string[];
  /** Since the connection was lost. */
  #dials = 0;
  /** When each was dialled or left last, by a count of our own; those that never were are absent. */
  readonly #usedAt = new Map<string, number>();
  #count = 0;
  #current = "";

  /** `ranked`: all servers, home first. */
  constructor(ranked: readonly string[]) {
    this.#ranked = ranked;
  }

  /** The server dialled last: while connected, the one this connection is on. As it was configured. */
  get current(): string {
    return this.#current;
  }

  /** Called by the client before each dial: the one that was not used for longest, of several that never were the best ranked. */
  next(pool: readonly Server[]): Server {
    const [first, ...others] = pool as readonly [Server, ...Server[]];
    const chosen = others.reduce((best, server) => (this.#comesBefore(server, best) ? server : best), first);
    this.#current = chosen.src;
    this.#dials++;
    this.#use(chosen.src);
    return chosen;
  }

  /**
   * How long the dial of the server chosen last is to wait, in ms, beyond the client's own delay between two dials: by chance between
   * half of the present pause and all of it, so that those who were refused together do not come back together.
   */
  pauseMs(random01: number): number {
    const slow = this.#dials - QUICK_ROUNDS * this.#ranked.length;
    if (slow <= 0) return 0;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(slow - 1, 10));
    return Math.round(pause * (0.5 + random01 / 2));
  }

  /** The connection was lost: its server is asked again after all others. */
  lost(): void {
    this.#dials = 0;
    this.#use(this.#current);
  }

  #use(server: string): void {
    this.#usedAt.set(server, ++this.#count);
  }

  #comesBefore(a: Server, b: Server): boolean {
    const [first, second] = [this.#usedAt.get(a.src) ?? 0, this.#usedAt.get(b.src) ?? 0];
    return first === second ? this.#rankOf(a) < this.#rankOf(b) : first < second;
  }

  #rankOf({ src }: Server): number {
    return this.#ranked.indexOf(src);
  }
}
