// The credit of one connection, shared by its streams in turn: the broker holds only so much for a client that reads slowly, and
// cuts it off beyond (failure rule 13).
import { MAX_CREDITED_BYTES, MAX_FRAME_BYTES } from "./frame-bounds.ts";

/** Who waits for credit is told when it is its turn, perhaps at once. */
export interface Claim {
  readonly granted: (frames: number) => void;
}

/** Who waits is not woken for less than this, in frames, unless it wants no more: many small credits cost more than few. */
const LEAST_GRANT = 4;

export class CreditBudget {
  #free: number;
  readonly #waiting = new Map<Claim, number>();
  #serving = false;

  constructor(frames: number = MAX_CREDITED_BYTES / MAX_FRAME_BYTES) {
    this.#free = frames;
  }

  get free(): number {
    return this.#free;
  }

  hasWaiting(claim: Claim): boolean {
    return this.#waiting.has(claim);
  }

  /** So many frames, or fewer; at once if nobody waits and some are free. A claim that waits already keeps its turn. */
  take(claim: Claim, frames: number): void {
    if (this.#waiting.has(claim)) return;
    this.#waiting.set(claim, frames);
    this.#serve();
  }

  give(frames: number): void {
    this.#free += frames;
    if (this.#waiting.size > 0) this.#serve();
  }

  /** Waits no more. */
  leave(claim: Claim): void {
    // Who stood behind it may want less.
    if (this.#waiting.delete(claim) && this.#waiting.size > 0) this.#serve();
  }

  /** In the order of waiting. Who is told may give, take or leave at once: the loop goes on with what holds then. */
  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      for (const [claim, wanted] of this.#waiting) {
        if (this.#free < Math.min(wanted, LEAST_GRANT)) return;
        const frames = Math.min(wanted, this.#free);
        this.#free -= frames;
        this.#waiting.delete(claim);
        claim.granted(frames);
      }
    } finally {
      this.#serving = false;
    }
  }
}
