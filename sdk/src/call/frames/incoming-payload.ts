// A payload on its way to this process: the receiver, with time. It asks again when nothing comes, hears from the broker when nobody
// is there, and gives up in the end.
import type { Runtime } from "../runtime.ts";
import type { Timer } from "../timer-wheel.ts";
import { FRAMES_IDLE_MS, MAX_SILENT_MS, UNHEARD_GONE_MS, UNHEARD_RETRY_MS } from "./frame-bounds.ts";
import type { FramePool } from "./frame-pool.ts";
import { type Arrival, FrameReceiver } from "./frame-receiver.ts";
import type { Credit } from "./frame-sender.ts";
import { PayloadAssembly } from "./payload-frames.ts";

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
  #timer: Timer | undefined;
  #progressAtMs: number;
  #heardAtMs: number;
  /** Since when the broker says that nobody is there; 0 while somebody is. */
  #goneSinceMs = 0;
  #unheardAtMs = 0;
  #frames = 0;
  #arrivedBytes = 0;
  #closed = false;

  constructor(options: IncomingOptions) {
    const { pool, peer, bytes, runtime, grant } = options;
    this.#options = options;
    this.#release = pool.hold(peer, bytes);
    this.#assembly = new PayloadAssembly(bytes);
    this.#receiver = new FrameReceiver(this.#assembly, pool.credit, { grant });
    this.#heardAtMs = runtime.clock.nowMs();
    this.#progressAtMs = this.#heardAtMs;
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
    this.#watch(FRAMES_IDLE_MS);
    this.#receiver.start();
  }

  frame(seq: number, frame: Uint8Array, last: boolean): Arrival {
    this.#heardAtMs = this.#options.runtime.clock.nowMs();
    this.#goneSinceMs = 0;
    const arrival = this.#receiver.frame(seq, frame, last);
    if (arrival === "taken") {
      this.#progressAtMs = this.#heardAtMs;
      this.#frames++;
      this.#arrivedBytes += frame.length;
      if (last) {
        this.#stopWatching();
        this.#options.done(this.#assembly.payload);
      }
    } else if (typeof arrival === "object") this.#fail(arrival.problem);
    return arrival;
  }

  /** The sender asks how far it has come. */
  asked(): void {
    if (this.#closed) return;
    this.#goneSinceMs = 0;
    this.#receiver.repeatEnd();
  }

  /** The broker: nobody heard the last credit. */
  unheard(): void {
    if (this.#closed || this.#receiver.hasEnded) return;
    const now = this.#options.runtime.clock.nowMs();
    this.#unheardAtMs = now;
    if (this.#goneSinceMs === 0) this.#goneSinceMs = now;
    if (now - this.#goneSinceMs >= UNHEARD_GONE_MS) this.#fail("nobody is there any more to send it");
    else this.#watch(UNHEARD_RETRY_MS);
  }

  /** Gives up what has not come, and what has. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching();
    this.#receiver.close();
    this.#release();
  }

  #fail(problem: string): void {
    if (this.#closed) return;
    this.close();
    this.#options.failed(problem);
  }

  #watch(ms: number): void {
    this.#stopWatching();
    this.#timer = this.#options.runtime.timers.schedule(ms, () => this.#look());
  }

  #stopWatching(): void {
    if (this.#timer !== undefined) this.#options.runtime.timers.cancel(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { clock, stall } = this.#options.runtime;
    const now = clock.nowMs();
    if (now - this.#unheardAtMs > FRAMES_IDLE_MS) this.#goneSinceMs = 0;
    // Who waits in turn has asked nobody, and who stood still himself cannot tell who was silent.
    if (this.#receiver.waits || stall.stalledWithin(FRAMES_IDLE_MS)) {
      this.#heardAtMs = now;
      this.#progressAtMs = now;
    }
    if (now - this.#progressAtMs >= MAX_SILENT_MS) {
      this.#fail(`nothing has come for ${MAX_SILENT_MS} ms`);
      return;
    }
    const quietMs = now - this.#heardAtMs;
    const isDue = quietMs >= FRAMES_IDLE_MS || this.#goneSinceMs !== 0;
    if (isDue) this.#heardAtMs = now;
    this.#watch(isDue ? FRAMES_IDLE_MS : FRAMES_IDLE_MS - quietMs);
    if (isDue) this.#receiver.idle();
  }
}
