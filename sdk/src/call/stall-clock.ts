// Knows when this process itself stood still: a blocked event loop, SIGSTOP, a sleeping laptop. Work that was read after
// a stall has waited longer than its headers can tell (failure rule 4): until the buffers that filled meanwhile are empty.
import type { Clock } from "./clock.ts";

/** How often the ticker looks, in ms. */
const TICK_MS = 20;
/** A tick later than this by is a stall, in ms; less is ordinary jitter. */
const STALL_MS = 50;

/** Resolves when everything has been read that was sent to this process before the call. Never rejects. */
export type CatchUp = () => Promise<void>;

export class StallClock {
  readonly #clock: Clock;
  #lastTickMs: number;
  #stalledMs = 0;
  #stallEndedMs = Number.NEGATIVE_INFINITY;
  #catchUp: CatchUp | undefined;
  /** Counts stalls, so that catching up with an earlier one does not end a later one. */
  #stalls = 0;
  #behind = false;
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

  /** How to tell that the buffers are empty again. Without it what comes a tick after a stall counts as fresh. */
  catchUpBy(catchUp: CatchUp): void {
    this.#catchUp = catchUp;
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
      this.#readOn();
    }
  }

  #readOn(): void {
    if (this.#catchUp === undefined) return;
    const stall = ++this.#stalls;
    this.#behind = true;
    void this.#catchUp().then(() => {
      if (stall === this.#stalls) this.#behind = false;
    });
  }

  /** Smoothed event-loop lag, in ms. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /**
   * How long a message read now may have waited in this process's own buffers, in ms: the stall that just ended, until this
   * process has caught up with it, else 0. A loop that was stopped while it waited for input reads before its timers run; one
   * that was blocked runs its timers first: so both the tick that is overdue and the one that was late are asked.
   */
  lostMs(): number {
    const now = this.#clock.nowMs();
    const overdueMs = now - this.#lastTickMs - TICK_MS;
    if (overdueMs > STALL_MS) return overdueMs;
    return this.#behind || now - this.#stallEndedMs <= TICK_MS ? this.#stalledMs : 0;
  }

  /** Whether this process stood still within the last `withinMs`: then it does not judge others by their silence. */
  stalledWithin(withinMs: number): boolean {
    return this.#clock.nowMs() - this.#stallEndedMs <= withinMs;
  }
}
