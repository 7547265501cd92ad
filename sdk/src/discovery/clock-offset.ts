// How far another process's stamps are from ours, estimated from its announcements. An announcement can be late, never early: so
// the largest reading is the best, and a smaller one is believed slowly. Believed at once, one that was held up for seconds would
// make calls that were held up with it look young (failure rule 4).

/** Most that one reading lowers the estimate by, in ms: clocks drift far less between two announcements. */
const LOWER_BY_MS = 1;
/** A reading that is lower by less than this is late, as all are on a busy machine; by more, it may be a clock that was set. */
const JUMP_MS = 1_000;
/** So many of those in a row that agree are believed: a machine slept, and its stamps with it. */
const AGREEING = 3;
/** Readings within this of each other agree, in ms. Late ones that are read in one go do not: they were sent a second apart. */
const AGREE_WITHIN_MS = 100;

export class ClockOffset {
  #ms: number;
  #lowerMs = Number.NaN;
  #agreeing = 0;

  constructor(readingMs: number) {
    this.#ms = readingMs;
  }

  /** The other's stamp minus ours, in ms. */
  get ms(): number {
    return this.#ms;
  }

  take(readingMs: number): void {
    if (readingMs >= this.#ms - LOWER_BY_MS) {
      this.#ms = readingMs;
      this.#agreeing = 0;
      return;
    }
    const isJump = this.#ms - readingMs >= JUMP_MS;
    const agrees = isJump && Math.abs(readingMs - this.#lowerMs) <= AGREE_WITHIN_MS;
    this.#agreeing = agrees ? this.#agreeing + 1 : Number(isJump);
    this.#lowerMs = readingMs;
    if (this.#agreeing >= AGREEING) this.#ms = readingMs;
    else this.#ms -= LOWER_BY_MS;
  }
}
