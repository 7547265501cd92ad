// The moment after the connection was lost, in which calls wait instead of failing: where there is another server, the client is
// there within it (redial takes 20 to 80 ms). After it whoever has no broker knows within a tenth of a second (failure rule 11).
import type { Timer, Timers } from "../call/timer-wheel.ts";

export const RECONNECT_GRACE_MS = 90;

export class ReconnectGrace<Call> {
  readonly #timers: Timers;
  readonly #onOver: (unsent: readonly Call[]) => void;
  readonly #unsent = new Set<Call>();
  #timer: Timer | undefined;

  /** `onOver` gets the calls that were held, when the connection was not back in time. */
  constructor(timers: Timers, onOver: (unsent: readonly Call[]) => void) {
    this.#timers = timers;
    this.#onOver = onOver;
  }

  get running(): boolean {
    return this.#timer !== undefined;
  }

  begin(): void {
    this.#timer ??= this.#timers.schedule(RECONNECT_GRACE_MS, () => {
      this.#timer = undefined;
      this.#onOver(this.#take());
    });
  }

  /** Holds a call that cannot be sent now. */
  hold(call: Call): void {
    this.#unsent.add(call);
  }

  /** The call ended while it was held. */
  release(call: Call): void {
    this.#unsent.delete(call);
  }

  /** The connection is back: what was held is to be sent. Undefined if the moment was over, or never began. */
  end(): readonly Call[] | undefined {
    if (this.#timer === undefined) return undefined;
    this.#timers.cancel(this.#timer);
    this.#timer = undefined;
    return this.#take();
  }

  #take(): readonly Call[] {
    const unsent = [...this.#unsent];
    this.#unsent.clear();
    return unsent;
  }
}
