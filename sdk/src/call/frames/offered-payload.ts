// A payload that a peer may take from this process: it is offered until the peer grants credit, held until all of it has arrived.
import type { Runtime } from "../runtime.ts";
import { FRAMES_IDLE_MS, MAX_SILENT_MS } from "./frame-bounds.ts";
import type { FramePool } from "./frame-pool.ts";
import { type Credit, FrameSender } from "./frame-sender.ts";
import { PayloadSource } from "./payload-frames.ts";
import { PeerWatch } from "./peer-watch.ts";

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
  readonly #taker: PeerWatch;
  #everHeard = false;
  #saidAll = false;
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
    this.#taker = new PeerWatch(runtime, (nowMs) => this.#look(nowMs));
  }

  /** Frames sent, those sent again included. */
  get frames(): number {
    return this.#frames;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  start(): void {
    this.#taker.lookIn(FRAMES_IDLE_MS);
    this.#options.offer();
  }

  /** Returns why the credit is refused. */
  credit(credit: Credit): string | undefined {
    if (this.#ended) return undefined;
    const now = this.#options.runtime.clock.nowMs();
    const { arrived } = this.#sender;
    const problem = this.#sender.credit(credit, now);
    if (problem !== undefined) return problem;
    this.#taker.heard();
    if (this.#sender.arrived > arrived) this.#taker.gotOn(now);
    this.#everHeard = true;
    if (this.#sender.hasSentAll && !this.#saidAll) {
      this.#saidAll = true;
      this.#taker.gotOn(now);
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
    const isGone = this.#taker.unheard();
    if (!this.#everHeard && this.#options.hasOtherWay) this.#end("unheard");
    else if (isGone) this.#end(this.#everHeard ? "gone" : "unheard");
    else this.#taker.lookSoon();
  }

  /** Nothing is told to anybody. Safe to call twice. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#taker.stop();
    this.#release();
  }

  #end(why: OfferEnd | undefined): void {
    if (this.#ended) return;
    this.close();
    this.#options.ended(why);
  }

  /** The offer is the probe: who has had credit to give has given it; whoever has all says so again. */
  #look(nowMs: number): void {
    // Until all is sent the call's own deadline ends it; after that nobody holds it for a peer that takes nothing, whatever it says.
    if (this.#saidAll && this.#taker.withoutProgressMs(nowMs) >= MAX_SILENT_MS) {
      this.#end("gone");
      return;
    }
    this.#taker.lookIn(FRAMES_IDLE_MS);
    if (this.#taker.isDue(nowMs)) this.#options.offer();
  }
}
