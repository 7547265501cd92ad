// What the two ends of a transfer know of each other: when the peer was heard, when it got on, since when the broker says that it
// is not there. Asks its owner to look again when it has been quiet.
import type { Runtime } from "../runtime.ts";
import type { Timer } from "../timer-wheel.ts";
import { FRAMES_IDLE_MS, UNHEARD_GONE_MS, UNHEARD_RETRY_MS } from "./frame-bounds.ts";

export class PeerWatch {
  readonly #runtime: Pick<Runtime, "clock" | "timers">;
  readonly #look: (nowMs: number) => void;
  #timer: Timer | undefined;
  #heardAtMs: number;
  #progressAtMs: number;
  /** Since when the broker says that nobody is there; 0 while somebody is. */
  #goneSinceMs = 0;
  #unheardAtMs = 0;

  /** `look` is called once for each `lookIn`. */
  constructor(runtime: Pick<Runtime, "clock" | "timers">, look: (nowMs: number) => void) {
    this.#runtime = runtime;
    this.#look = look;
    this.#heardAtMs = runtime.clock.nowMs();
    this.#progressAtMs = this.#heardAtMs;
  }

  /** Something came of it. Returns now. */
  heard(): number {
    this.#heardAtMs = this.#runtime.clock.nowMs();
    this.#goneSinceMs = 0;
    return this.#heardAtMs;
  }

  /** It is there, which says nothing of how far it is. */
  present(): void {
    this.#goneSinceMs = 0;
  }

  gotOn(nowMs: number): void {
    this.#progressAtMs = nowMs;
  }

  /** It is asked again: its quiet counts from now. */
  asked(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** What was silent until now does not count: it was not asked, or could not be heard. */
  forgive(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#progressAtMs = nowMs;
  }

  /** The broker: nobody heard what was sent last. Returns whether that has gone on for so long that nobody will come back. */
  unheard(): boolean {
    const now = this.#runtime.clock.nowMs();
    this.#unheardAtMs = now;
    if (this.#goneSinceMs === 0) this.#goneSinceMs = now;
    return now - this.#goneSinceMs >= UNHEARD_GONE_MS;
  }

  quietMs(nowMs: number): number {
    return nowMs - this.#heardAtMs;
  }

  withoutProgressMs(nowMs: number): number {
    return nowMs - this.#progressAtMs;
  }

  /** It has been quiet for long, or is said not to be there: to be asked again. */
  isDue(nowMs: number): boolean {
    return this.quietMs(nowMs) >= FRAMES_IDLE_MS || this.#goneSinceMs !== 0;
  }

  lookIn(ms: number): void {
    this.stop();
    this.#timer = this.#runtime.timers.schedule(ms, () => {
      const now = this.#runtime.clock.nowMs();
      // What was sent since then has been heard, or the broker would have said so again.
      if (now - this.#unheardAtMs > FRAMES_IDLE_MS) this.#goneSinceMs = 0;
      this.#look(now);
    });
  }

  /** After `unheard`: soon. */
  lookSoon(): void {
    this.lookIn(UNHEARD_RETRY_MS);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#runtime.timers.cancel(this.#timer);
    this.#timer = undefined;
  }
}
