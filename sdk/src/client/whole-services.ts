// Services whose instances take no frames, as routers have told: for a while their requests are sent whole at once.
import type { Clock } from "../call/clock.ts";

/** For so long, in ms; then frames are tried again. */
const WHOLE_MS = 60_000;
/** So many are remembered; beyond them a router tells once more. */
export const MAX_WHOLE_SERVICES = 1_000;

export class WholeServices {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(service: string): void {
    if (this.#untilMs.size >= MAX_WHOLE_SERVICES) this.#untilMs.clear();
    this.#untilMs.set(service, this.#clock.nowMs() + WHOLE_MS);
  }

  has(service: string): boolean {
    const untilMs = this.#untilMs.get(service);
    if (untilMs === undefined) return false;
    if (this.#clock.nowMs() < untilMs) return true;
    this.#untilMs.delete(service);
    return false;
  }
}
