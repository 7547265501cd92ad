// Which server a connection dials next. The client itself would begin with the one it has just lost, which costs a second when that
// one does not even refuse.
import type { Server } from "nats";

export class DialOrder {
  readonly #ranked: readonly string[];
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
    this.#use(chosen.src);
    return chosen;
  }

  /** The connection was lost: its server is asked again after all others. */
  lost(): void {
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
