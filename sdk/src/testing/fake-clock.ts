// Time that stands still until a test moves it.
import type { Clock } from "../call/clock.ts";
import { TICK_MS, TimerWheel, type WheelDrive } from "../call/timer-wheel.ts";

/** Where both clocks of a fake clock begin; the monotonic one not at 0, which would hide a forgotten subtraction. */
const START_MS = 1_000_000;
const START_WALL_MS = Date.UTC(2030, 0, 1);

/** A clock that moves by `advance` and `stall` only. It drives timer wheels that were given its `drive()`. */
export class FakeClock implements Clock {
  readonly #wheels = new Set<() => void>();
  #nowMs = START_MS;
  #wallOffsetMs = START_WALL_MS - START_MS;

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  stampMs(): number {
    return this.#nowMs + START_WALL_MS - START_MS;
  }

  /**
   * Moves time on by `ms`, tick by tick, so that timers fire in order and see the instant they fire at. Promises are not
   * awaited: what a timer resolves runs after this returns.
   */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    while (this.#wheels.size > 0 && this.#nowMs < untilMs) {
      const nextTickMs = (Math.floor(this.#nowMs / TICK_MS) + 1) * TICK_MS;
      this.#nowMs = Math.min(nextTickMs, untilMs);
      this.#turn();
    }
    this.#nowMs = untilMs;
  }

  /** Moves time on by `ms` at once, as if the process had stood still; timers that came due meanwhile fire after. */
  stall(ms: number): void {
    this.#nowMs += ms;
    this.#turn();
  }

  /** Sets the wall clock forward or back; neither the monotonic one nor stamps see it. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** For the constructor of a TimerWheel. */
  drive(): WheelDrive {
    let running: (() => void) | undefined;
    return {
      arm: (_delayMs, advance) => {
        if (running !== undefined) return;
        running = advance;
        this.#wheels.add(advance);
      },
      idle: () => {
        if (running !== undefined) this.#wheels.delete(running);
        running = undefined;
      },
    };
  }

  /** Timers of this clock. What a callback throws is thrown by `advance`. */
  timers(): TimerWheel {
    return new TimerWheel(this, this.drive(), (error) => {
      throw error;
    });
  }

  #turn(): void {
    for (const advance of [...this.#wheels]) if (this.#wheels.has(advance)) advance();
  }
}
