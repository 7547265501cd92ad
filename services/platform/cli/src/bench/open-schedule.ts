// When the calls of an open loop are meant to be sent: at a fixed rate, whatever becomes of them.

export class OpenSchedule {
  readonly #startMs: number;
  readonly #gapMs: number;
  #sent = 0;

  /** The first call is due at `startMs`. */
  constructor(startMs: number, callsPerSecond: number) {
    this.#startMs = startMs;
    this.#gapMs = 1000 / callsPerSecond;
  }

  /** When the next call was meant to be sent, if that is now or past; it is taken then. Undefined: nothing is due. */
  take(nowMs: number): number | undefined {
    const intendedMs = this.#startMs + this.#sent * this.#gapMs;
    if (intendedMs > nowMs) return undefined;
    this.#sent++;
    return intendedMs;
  }
}
