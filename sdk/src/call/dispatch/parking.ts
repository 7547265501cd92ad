// Calls that wait because no instance can take them this moment: over a blip of the broker, while the last instance is
// replaced, while a service starts from zero. Bounded in number, bytes and time, in all and for each caller, so that one who
// calls what is not there takes no place away from the others.
import type { Timer, Timers } from "../timer-wheel.ts";

export const MAX_PARKED_CALLS = 10_000;
export const MAX_PARKED_BYTES = 64 * 1024 * 1024;
/** Of these, what one principal may have. */
export const MAX_PARKED_CALLS_PER_PRINCIPAL = 2_000;
export const MAX_PARKED_BYTES_PER_PRINCIPAL = 16 * 1024 * 1024;
/** Longest wait for an instance, in ms, within the call's deadline: longer than the second a route reset lasts. */
export const MAX_PARKED_MS = 1_500;
/**
 * As long as instances are known and only suspect, or the broker is away: whether they are there will turn out. A route that is
 * reset is back after a second, but on a busy machine its two ends have been seen to dial each other in vain for three and more.
 * Less than the five seconds that calls often have, so that their callers hear what it was.
 */
export const MAX_PARKED_IN_DOUBT_MS = 4_500;
/** Whoever waits for the broker itself stands under a name that no service can have. */
const BROKER = "$broker";

export interface Parked {
  readonly principal: string;
  readonly bytes: number;
  readonly resume: () => void;
  readonly timer: Timer;
  readonly service: string;
}

interface Share {
  calls: number;
  bytes: number;
}

export class Parking {
  readonly #timers: Timers;
  readonly #waiting = new Map<string, Set<Parked>>();
  readonly #shares = new Map<string, Share>();
  #calls = 0;
  #bytes = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get size(): number {
    return this.#calls;
  }

  /**
   * Waits for a change of the service or for the time to pass, whichever is first. Returns why there is no place as a string:
   * the park is full, or the principal's share of it.
   */
  wait(service: string, principal: string, bytes: number, waitMs: number, resume: () => void): Parked | string {
    if (this.#calls >= MAX_PARKED_CALLS || this.#bytes + bytes > MAX_PARKED_BYTES)
      return "too many calls wait for instances";
    const share = this.#shares.get(principal) ?? { calls: 0, bytes: 0 };
    if (share.calls >= MAX_PARKED_CALLS_PER_PRINCIPAL || share.bytes + bytes > MAX_PARKED_BYTES_PER_PRINCIPAL)
      return `too many calls of ${principal} wait for instances`;
    const parked: Parked = {
      principal,
      bytes,
      service,
      resume,
      timer: this.#timers.schedule(waitMs, () => this.#release(parked)),
    };
    let waiting = this.#waiting.get(service);
    if (waiting === undefined) {
      waiting = new Set();
      this.#waiting.set(service, waiting);
    }
    waiting.add(parked);
    this.#shares.set(principal, share);
    share.calls++;
    share.bytes += bytes;
    this.#calls++;
    this.#bytes += bytes;
    return parked;
  }

  /** Waits for the connection to the broker. */
  waitForBroker(principal: string, bytes: number, waitMs: number, resume: () => void): Parked | string {
    return this.wait(BROKER, principal, bytes, waitMs, resume);
  }

  brokerReturned(): void {
    this.serviceChanged(BROKER);
  }

  /** The call ended while it waited. */
  leave(parked: Parked): void {
    const waiting = this.#waiting.get(parked.service);
    if (waiting?.delete(parked) !== true) return;
    if (waiting.size === 0) this.#waiting.delete(parked.service);
    this.#timers.cancel(parked.timer);
    this.#giveBack(parked);
    this.#calls--;
    this.#bytes -= parked.bytes;
  }

  #giveBack({ principal, bytes }: Parked): void {
    const share = this.#shares.get(principal);
    if (share === undefined) return;
    share.calls--;
    share.bytes -= bytes;
    if (share.calls === 0) this.#shares.delete(principal);
  }

  /** An instance of this service has room for one call more: it is whose turn it is. */
  placeFreed(service: string): void {
    const waiting = this.#waiting.get(service);
    if (waiting === undefined) return;
    for (const parked of waiting) {
      this.#release(parked);
      return;
    }
  }

  /** Somebody can take calls of this service now. */
  serviceChanged(service: string): void {
    const waiting = this.#waiting.get(service);
    if (waiting === undefined) return;
    for (const parked of [...waiting]) this.#release(parked);
  }

  #release(parked: Parked): void {
    this.leave(parked);
    parked.resume();
  }
}
