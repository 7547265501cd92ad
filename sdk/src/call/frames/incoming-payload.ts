// A payload on its way to this process: the receiver, with time. It asks again when nothing comes, hears from the broker when nobody
// is there, and gives up in the end.
import type { Runtime } from "../runtime.ts";
import { FRAMES_IDLE_MS, MAX_SILENT_MS } from "./frame-bounds.ts";
import type { FramePool } from "./frame-pool.ts";
import { type Arrival, FrameReceiver } from "./frame-receiver.ts";
import type { Credit } from "./frame-sender.ts";
import { PayloadAssembly } from "./payload-frames.ts";
import { PeerWatch } from "./peer-watch.ts";

export interface IncomingOptions {
  readonly runtime: Pick<Runtime, "clock" | "timers" | "stall">;
  readonly pool: FramePool;
  /** Who sends it: its share of the pool pays for it. */
  readonly peer: string;
  readonly bytes: number;
  /** Tells the sender, with a reply subject by which the broker can say that it is not there. */
  readonly grant: (credit: Credit) => void;
  /** Called once, with all of it. */
  readonly done: (payload: Uint8Array) => void;
  /** Called once, if not `done`: the peer is gone, or what it sends is no such payload. */
  readonly failed: (problem: string) => void;
}

export class IncomingPayload {
  readonly #options: IncomingOptions;
  readonly #assembly: PayloadAssembly;
  readonly #receiver: FrameReceiver;
  readonly #release: () => void;
  readonly #sender: PeerWatch;
  #frames = 0;
  #arrivedBytes = 0;
  #closed = false;

  constructor(options: IncomingOptions) {
    const { pool, peer, bytes, runtime, grant } = options;
    this.#options = options;
    this.#release = pool.hold(peer, bytes);
    this.#assembly = new PayloadAssembly(bytes);
    this.#receiver = new FrameReceiver(this.#assembly, pool.credit, { grant });
    this.#sender = new PeerWatch(runtime, (nowMs) => this.#look(nowMs));
  }

  /** All of it has come. */
  get isComplete(): boolean {
    return this.#receiver.hasEnded && !this.#closed;
  }

  get frames(): number {
    return this.#frames;
  }

  get arrivedBytes(): number {
    return this.#arrivedBytes;
  }

  start(): void {
    this.#sender.lookIn(FRAMES_IDLE_MS);
    this.#receiver.start();
  }

  frame(seq: number, frame: Uint8Array, last: boolean): Arrival {
    const now = this.#sender.heard();
    const arrival = this.#receiver.frame(seq, frame, last);
    if (arrival === "taken") {
      this.#sender.gotOn(now);
      this.#frames++;
      this.#arrivedBytes += frame.length;
      if (last) {
        this.#sender.stop();
        this.#options.done(this.#assembly.payload);
      }
    } else if (typeof arrival === "object") this.#fail(arrival.problem);
    return arrival;
  }

  /** The sender asks how far it has come. */
  asked(): void {
    if (this.#closed) return;
    this.#sender.present();
    this.#receiver.repeatEnd();
  }

  /** The broker: nobody heard the last credit. */
  unheard(): void {
    if (this.#closed || this.#receiver.hasEnded) return;
    if (this.#sender.unheard()) this.#fail("nobody is there any more to send it");
    else this.#sender.lookSoon();
  }

  /** Gives up what has not come, and what has. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sender.stop();
    this.#receiver.close();
    this.#release();
  }

  #fail(problem: string): void {
    if (this.#closed) return;
    this.close();
    this.#options.failed(problem);
  }

  #look(nowMs: number): void {
    const sender = this.#sender;
    // Who waits in turn has asked nobody, and who stood still himself cannot tell who was silent.
    if (this.#receiver.waits || this.#options.runtime.stall.stalledWithin(FRAMES_IDLE_MS)) sender.forgive(nowMs);
    if (sender.withoutProgressMs(nowMs) >= MAX_SILENT_MS) {
      this.#fail(`nothing has come for ${MAX_SILENT_MS} ms`);
      return;
    }
    if (!sender.isDue(nowMs)) {
      sender.lookIn(FRAMES_IDLE_MS - sender.quietMs(nowMs));
      return;
    }
    sender.asked(nowMs);
    sender.lookIn(FRAMES_IDLE_MS);
    this.#receiver.idle();
  }
}
