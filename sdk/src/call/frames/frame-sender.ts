// The sending half of a transfer: it sends only what it has credit for, and again from where it is told. No clock, no socket.
import { FRAMES_IDLE_MS, MAX_WINDOW_FRAMES } from "./frame-bounds.ts";

/** What is sent, by number from 0. A payload of known size, or messages as they come. */
export interface FrameSource {
  /** Undefined: not there yet. */
  frame(seq: number): Uint8Array | undefined;
  /** Whether it is the last one. */
  isLast(seq: number): boolean;
}

/** What the receiver allows: everything before `next` has arrived, everything before `until` may be sent. */
export interface Credit {
  readonly next: number;
  readonly until: number;
  /** Something got lost: everything from `next` on is to be sent again. */
  readonly again: boolean;
}

export interface FrameSenderPorts {
  /** False: it could not be sent. It is sent when it is asked for again. */
  readonly send: (seq: number, frame: Uint8Array, last: boolean) => boolean;
}

/** Between two repetitions without progress, in ms: a receiver must not make a sender repeat itself for nothing. */
const REPEAT_MS = FRAMES_IDLE_MS / 2;

export class FrameSender {
  readonly #source: FrameSource;
  readonly #ports: FrameSenderPorts;
  #acked = 0;
  #next = 0;
  #until = 0;
  /** One more than the greatest number ever sent. */
  #most = 0;
  /** One more than the number of the last frame, once that has been sent; 0 before. */
  #end = 0;
  #repeatedFrom = -1;
  #repeatedAtMs = Number.NEGATIVE_INFINITY;

  constructor(source: FrameSource, ports: FrameSenderPorts) {
    this.#source = source;
    this.#ports = ports;
  }

  /** Frames known to have arrived. */
  get arrived(): number {
    return this.#acked;
  }

  /** Every frame has been sent once at least. */
  get hasSentAll(): boolean {
    return this.#end > 0;
  }

  /** Every frame has arrived. */
  get isDone(): boolean {
    return this.#end > 0 && this.#acked === this.#end;
  }

  /** Frames sent and not known to have arrived: never more than a window. */
  get underWay(): number {
    return this.#most - this.#acked;
  }

  /** Sends what the credit allows. Returns why the credit is refused; one that is old is passed over. */
  credit({ next, until, again }: Credit, nowMs: number): string | undefined {
    if (until < next) return "a credit that takes back more than it gives";
    if (next > this.#most) return "a credit for frames that were not sent";
    if (next < this.#acked) return undefined;
    this.#acked = next;
    if (this.#next < next) this.#next = next;
    if (again && this.#mayRepeat(next, nowMs)) {
      this.#next = next;
      this.#until = until;
    } else if (until > this.#until) this.#until = until;
    this.#sendMore();
    return undefined;
  }

  /** More may be there to send. */
  sourceGrew(): void {
    this.#sendMore();
  }

  #mayRepeat(next: number, nowMs: number): boolean {
    if (next <= this.#repeatedFrom && nowMs - this.#repeatedAtMs < REPEAT_MS) return false;
    this.#repeatedFrom = next;
    this.#repeatedAtMs = nowMs;
    return true;
  }

  #sendMore(): void {
    // Whatever a receiver grants, a window is all it gets.
    const until = Math.min(this.#until, this.#acked + MAX_WINDOW_FRAMES);
    while (this.#next < until && (this.#end === 0 || this.#next < this.#end)) {
      const frame = this.#source.frame(this.#next);
      if (frame === undefined) return;
      const last = this.#source.isLast(this.#next);
      if (!this.#ports.send(this.#next, frame, last)) return;
      this.#next++;
      if (this.#next > this.#most) this.#most = this.#next;
      if (last) this.#end = this.#next;
    }
  }
}
