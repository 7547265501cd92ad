// A payload that a peer may take from this process: it is offered until the peer grants credit, held until all of it has arrived.
import type { Runtime } from "../runtime.ts";
import type { Timer } from "../timer-wheel.ts";
import { FRAMES_IDLE_MS, MAX_SILENT_MS, UNHEARD_GONE_MS, UNHEARD_RETRY_MS } from "./frame-bounds.ts";
import type { FramePool } from "./frame-pool.ts";
import { type Credit, FrameSender } from "./frame-sender.ts";
import { PayloadSource } from "./payload-frames.ts";

/** `unheard`: nobody listened to the first offer. `gone`: who listened is not there any more. `refused`: it wants no more. */
export type OfferEnd = "unheard" | "gone" | "refused";

export interface OfferOptions {
  readonly runtime: Pick<Runtime, "clock" | "timers" | "stall">;
  readonly pool: FramePool;
  readonly peer: string;
  readonly payload: Uint8Array;
  /** Whether a peer that does not listen can have it otherwise, at once. */
  readonly hasOtherWay: boolean;
  /** With a reply subject by which the broker can say that nobody is there. */
  readonly offer: () => void;
  /** False: there is no connection. */
  readonly send: (seq: number, frame: Uint8Array, last: boolean) => boolean;
  /** The last frame is on its way for the first time. */
  readonly sentAll: () => void;
  /** Called once, when nothing is held any more: all has arrived (undefined), or why it has not. */
  readonly ended: (why: OfferEnd | undefined) => void;
}

export class OfferedPayload {
  readonly #options: OfferOptions;
  readonly #sender: FrameSender;
  readonly #release: () => void;
  #timer: Timer | undefined;
  #heardAtMs: number;
  #progressAtMs: number;
  #everHeard = false;
  #saidAll = false;
  #goneSinceMs = 0;
  #unheardAtMs = 0;
  #frames = 0;
  #sentBytes = 0;
  #ended = false;

  constructor(options: OfferOptions) {
    const { pool, peer, payload, runtime, send } = options;
    this.#options = options;
    this.#release = pool.hold(peer, payload.length);
    this.#sender = new FrameSender(new PayloadSource(payload), {
      send: (seq, frame, last) => {
        if (!send(seq, frame, last)) return false;
        this.#frames++;
        this.#sentBytes += frame.length;
        return true;
      },
    });
    this.#heardAtMs = runtime.clock.nowMs();
    this.#progressAtMs = this.#heardAtMs;
  }

  /** Frames sent, those sent again included. */
  get frames(): number {
    return this.#frames;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  start(): void {
    this.#watch(FRAMES_IDLE_MS);
    this.#options.offer();
  }

  /** Returns why the credit is refused. */
  credit(credit: Credit): string | undefined {
    if (this.#ended) return undefined;
    const now = this.#options.runtime.clock.nowMs();
    const { arrived } = this.#sender;
    const problem = this.#sender.credit(credit, now);
    if (problem !== undefined) return problem;
    this.#heardAtMs = now;
    if (this.#sender.arrived > arrived) this.#progressAtMs = now;
    this.#everHeard = true;
    this.#goneSinceMs = 0;
    if (this.#sender.hasSentAll && !this.#saidAll) {
      this.#saidAll = true;
      this.#progressAtMs = now;
      this.#options.sentAll();
    }
    if (this.#sender.isDone) this.#end(undefined);
    return undefined;
  }

  /** The peer wants no more of it. */
  refused(): void {
    this.#end("refused");
  }

  /** The broker: nobody heard the last offer. */
  unheard(): void {
    if (this.#ended) return;
    const now = this.#options.runtime.clock.nowMs();
    this.#unheardAtMs = now;
    if (this.#goneSinceMs === 0) this.#goneSinceMs = now;
    if (!this.#everHeard && this.#options.hasOtherWay) this.#end("unheard");
    else if (now - this.#goneSinceMs >= UNHEARD_GONE_MS) this.#end(this.#everHeard ? "gone" : "unheard");
    else this.#watch(UNHEARD_RETRY_MS);
  }

  /** Nothing is told to anybody. Safe to call twice. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopWatching();
    this.#release();
  }

  #end(why: OfferEnd | undefined): void {
    if (this.#ended) return;
    this.close();
    this.#options.ended(why);
  }

  #watch(ms: number): void {
    this.#stopWatching();
    this.#timer = this.#options.runtime.timers.schedule(ms, () => this.#look());
  }

  #stopWatching(): void {
    if (this.#timer !== undefined) this.#options.runtime.timers.cancel(this.#timer);
    this.#timer = undefined;
  }

  /** The offer is the probe: who has had credit to give has given it; whoever has all says so again. */
  #look(): void {
    const { clock } = this.#options.runtime;
    const now = clock.nowMs();
    if (now - this.#unheardAtMs > FRAMES_IDLE_MS) this.#goneSinceMs = 0;
    const quietMs = now - this.#heardAtMs;
    // Until all is sent the call's own deadline ends it; after that nobody holds it for a peer that takes nothing, whatever it says.
    if (this.#saidAll && now - this.#progressAtMs >= MAX_SILENT_MS) {
      this.#end("gone");
      return;
    }
    this.#watch(FRAMES_IDLE_MS);
    if (quietMs >= FRAMES_IDLE_MS || this.#goneSinceMs !== 0) this.#options.offer();
  }
}
