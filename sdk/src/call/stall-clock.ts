// Knows when this process itself stood still: a blocked event loop, SIGSTOP, a sleeping laptop. Work that was read after
// a stall has waited longer than its headers can tell (failure rule 4).
import type { Clock } from "./clock.ts";

/** How often the ticker looks, in ms. */
const TICK_MS = 20;
/** A tick later than this by is a stall, in ms; less is ordinary jitter. */
const STALL_MS = 50;

export class StallClock {
  readonly #clock: Clock;
  #lastTickMs: number;
  #stalledMs = 0;
  #stallEndedMs = Number.NEGATIVE_INFINITY;
  #handle: NodeJS.Timeout | undefined;
  #lagMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastTickMs = clock.nowMs();
  }

  start(): void {
    this.#lastTickMs = this.#clock.nowMs();
    this.#handle ??= setInterval(() => this.tick(), TICK_MS);
    this.#handle.unref();
  }

  stop(): void {
    clearInterval(this.#handle);
    this.#handle = undefined;
  }

  tick(): void {
    const now = this.#clock.nowMs();
    const late = Math.max(0, now - this.#lastTickMs - TICK_MS);
    this.#lastTickMs = now;
    // Smoothed for reports: half of each new reading.
    this.#lagMs = (this.#lagMs + late) / 2;
    if (late > STALL_MS) {
      this.#stalledMs = late;
      this.#stallEndedMs = now;
    }
  }

  /** Smoothed event-loop lag, in ms. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /**
   * How long a message read now may have waited in this process's own buffers, in ms: the stall that just ended, for
   * what is read within a tick of its end, else 0. Timers run before reads, so the ticker has seen the stall already.
   */
  lostMs(): number {
    return this.#clock.nowMs() - this.#stallEndedMs <= TICK_MS ? this.#stalledMs : 0;
  }

  /** Whether this process stood still within the last `withinMs`: then it does not judge others by their silence. */
  stalledWithin(withinMs: number): boolean {
    return this.#clock.nowMs() - this.#stallEndedMs <= withinMs;
  }
}
