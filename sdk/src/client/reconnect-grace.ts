// The moment after the connection was lost, in which calls wait instead of failing. With one server it is short: whoever has no
// broker knows within a tenth of a second (failure rule 11). Where there are others, losing one is no loss of the broker, and
// calls wait until the client is there.
import type { Broker } from "../broker/index.ts";
import type { Timer, Timers } from "../call/timer-wheel.ts";

/** With one server: longer than a redial takes (20 to 80 ms), for one that only reset the connection. */
export const RECONNECT_GRACE_MS = 90;
/** With several: two may be dialled in vain, each of which takes a second where packets go nowhere. */
export const CLUSTER_RECONNECT_GRACE_MS = 2_500;

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

  begin({ hasOtherServers }: Pick<Broker, "hasOtherServers">): void {
    const graceMs = hasOtherServers ? CLUSTER_RECONNECT_GRACE_MS : RECONNECT_GRACE_MS;
    this.#timer ??= this.#timers.schedule(graceMs, () => {
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
