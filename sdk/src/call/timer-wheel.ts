// Timers for calls: a hashed wheel (Varghese and Lauck, 1987, scheme 6), so that starting and stopping one costs a few
// pointer writes. A timer fires up to one tick late, never early. The wheel does not turn while nothing is due: most timers are
// deadlines, which are cancelled, and a process that is woken two hundred times a second to see that pays for it with every call.
import { performance } from "node:perf_hooks";
import type { Clock } from "./clock.ts";

/** Resolution in ms. */
export const TICK_MS = 5;
/** One turn of the wheel: 1024 × 5 ms; longer timers are passed over until their turn comes. */
const SLOTS = 1024;

/** A scheduled timer. Its fields belong to the wheel. */
export interface Timer {
  fire: (() => void) | undefined;
  dueTick: number;
  previous: Timer | undefined;
  next: Timer | undefined;
}

export interface Timers {
  /** Calls `fire` once, `delayMs` from now or up to a tick later. */
  schedule(delayMs: number, fire: () => void): Timer;
  /** Does nothing to a timer that fired or was cancelled. */
  cancel(timer: Timer): void;
}

/** Runs `advance` when something may be due. Given by the process; tests advance by hand. */
export interface WheelDrive {
  /** In so many ms at the latest. It may run sooner, for what was asked for before. */
  arm(delayMs: number, advance: () => void): void;
  /** Nothing is pending: it need not run, and keeps no process alive. */
  idle(): void;
}

/** One timer of Node's, moved only when something is due sooner. */
export function timeoutDrive(): WheelDrive {
  let handle: NodeJS.Timeout | undefined;
  let dueAtMs = 0;
  return {
    arm(delayMs, advance): void {
      const atMs = performance.now() + delayMs;
      if (handle !== undefined && dueAtMs <= atMs) {
        handle.ref();
        return;
      }
      clearTimeout(handle);
      dueAtMs = atMs;
      handle = setTimeout(() => {
        handle = undefined;
        advance();
      }, Math.ceil(delayMs));
    },
    idle(): void {
      handle?.unref();
    },
  };
}

export class TimerWheel implements Timers {
  readonly #clock: Clock;
  readonly #drive: WheelDrive;
  readonly #onError: (error: unknown) => void;
  readonly #heads: (Timer | undefined)[] = new Array<Timer | undefined>(SLOTS).fill(undefined);
  readonly #advance = (): void => this.advance();
  #tick = 0;
  #pending = 0;
  /** Nothing is due before this tick. */
  #armedTick = Number.POSITIVE_INFINITY;

  /** `onError` gets what a timer's callback threw; the other timers fire all the same. */
  constructor(clock: Clock, drive: WheelDrive, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#drive = drive;
    this.#onError = onError;
  }

  get pending(): number {
    return this.#pending;
  }

  schedule(delayMs: number, fire: () => void): Timer {
    const nowTick = this.#clock.nowMs() / TICK_MS;
    if (this.#pending === 0) this.#tick = Math.floor(nowTick);
    // Rounded up from now, and never into the tick that is being fired.
    const due = Math.max(Math.ceil(nowTick + delayMs / TICK_MS), this.#tick + 1);
    const slot = due % SLOTS;
    const head = this.#heads[slot];
    const timer: Timer = { fire, dueTick: due, previous: undefined, next: head };
    if (head !== undefined) head.previous = timer;
    this.#heads[slot] = timer;
    this.#pending++;
    // The only one decides, whatever was waited for before: that may have passed while nothing was pending.
    if (this.#pending === 1) this.#armedTick = Number.POSITIVE_INFINITY;
    if (due < this.#armedTick) this.#arm(due, nowTick);
    return timer;
  }

  cancel(timer: Timer): void {
    if (timer.fire === undefined) return;
    timer.fire = undefined;
    this.#unlink(timer);
    if (this.#pending === 0) this.#drive.idle();
  }

  #arm(due: number, nowTick: number): void {
    this.#armedTick = Math.min(this.#armedTick, due);
    this.#drive.arm(Math.max(0, due - nowTick) * TICK_MS, this.#advance);
  }

  /** Fires what is due. */
  advance(): void {
    const nowTick = this.#clock.nowMs() / TICK_MS;
    const target = Math.floor(nowTick);
    if (target < this.#armedTick) {
      if (this.#pending > 0) this.#drive.arm((this.#armedTick - nowTick) * TICK_MS, this.#advance);
      return;
    }
    this.#armedTick = Number.POSITIVE_INFINITY;
    while (this.#tick < target && this.#pending > 0) {
      this.#tick++;
      this.#fireSlot(this.#tick % SLOTS);
    }
    this.#tick = Math.max(this.#tick, target);
    if (this.#pending === 0) this.#drive.idle();
    else this.#arm(this.#nextDue(), nowTick);
  }

  /** The tick at which something is due, or a whole turn from now: it is looked for again then. */
  #nextDue(): number {
    for (let tick = this.#tick + 1; tick < this.#tick + SLOTS; tick++) {
      for (let timer = this.#heads[tick % SLOTS]; timer !== undefined; timer = timer.next)
        if (timer.dueTick === tick) return tick;
    }
    return this.#tick + SLOTS;
  }

  /** A callback may cancel its neighbours or schedule anew: the walk holds on to a timer that is still linked. */
  #fireSlot(slot: number): void {
    let last: Timer | undefined;
    for (;;) {
      const timer: Timer | undefined = last === undefined ? this.#heads[slot] : last.next;
      if (timer === undefined) return;
      if (timer.dueTick > this.#tick) {
        last = timer;
        continue;
      }
      this.#fire(timer);
      // The walk goes on behind `last`; if a callback cancelled it, what stands before it was passed over already.
      while (last !== undefined && last.fire === undefined) last = last.previous;
    }
  }

  #fire(timer: Timer): void {
    const { fire } = timer;
    timer.fire = undefined;
    this.#unlink(timer);
    try {
      fire?.();
    } catch (error) {
      this.#onError(error);
    }
  }

  #unlink(timer: Timer): void {
    const { previous, next } = timer;
    if (previous === undefined) this.#heads[timer.dueTick % SLOTS] = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    this.#pending--;
  }
}
