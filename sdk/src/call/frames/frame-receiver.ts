// The receiving half of a transfer: it checks the sequence, grants credit out of what the connection has, and asks again for what
// is missing. No clock, no socket.
import type { Claim, CreditBudget } from "./credit-budget.ts";
import { MAX_WINDOW_FRAMES } from "./frame-bounds.ts";
import type { Credit } from "./frame-sender.ts";

/** Where frames go, once each and in order. */
export interface FrameSink {
  /** Returns why the frame is refused; the transfer ends with it. */
  take(frame: Uint8Array, last: boolean): string | undefined;
  /** How many more may come at most, as far as is known; at least 1 until the last one has come. */
  readonly expected: number;
}

export interface FrameReceiverPorts {
  readonly grant: (credit: Credit) => void;
}

/**
 * `taken`: it is the sink's. `repeated`: it had come before. `early`: one before it is missing, and was asked for. `beyond`: nobody
 * granted it. Everything else is why the sink refused it.
 */
export type Arrival = "taken" | "repeated" | "early" | "beyond" | { readonly problem: string };

export class FrameReceiver {
  readonly #sink: FrameSink;
  readonly #budget: CreditBudget;
  readonly #ports: FrameReceiverPorts;
  readonly #claim: Claim;
  #next = 0;
  #until = 0;
  /** As far as was ever granted: what is under way from before a window shrank is taken all the same. */
  #mostGranted = 0;
  /** The number that was last asked for again because one behind it came. */
  #askedFor = -1;
  /** The next credit must make the sender begin again at `next`. */
  #again = false;
  #ended = false;

  constructor(sink: FrameSink, budget: CreditBudget, ports: FrameReceiverPorts) {
    this.#sink = sink;
    this.#budget = budget;
    this.#ports = ports;
    this.#claim = { granted: (frames) => this.#granted(frames) };
  }

  /** The last frame has come, or the transfer was given up. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Frames granted that have not come. */
  get outstanding(): number {
    return this.#until - this.#next;
  }

  /** It waits for others to give credit back: the sender cannot be expected to send. */
  get waits(): boolean {
    return this.#budget.hasWaiting(this.#claim);
  }

  /** Asks for its first credit. */
  start(): void {
    this.#claimUpTo(MAX_WINDOW_FRAMES);
  }

  frame(seq: number, frame: Uint8Array, last: boolean): Arrival {
    if (seq < this.#next) return "repeated";
    if (seq >= this.#mostGranted || this.#ended) return "beyond";
    if (seq > this.#next) {
      this.#askForMissing();
      return "early";
    }
    const problem = this.#sink.take(frame, last);
    if (problem !== undefined) {
      this.close();
      return { problem };
    }
    this.#next++;
    if (this.#next > this.#until) this.#until = this.#next;
    else this.#budget.give(1);
    if (last) {
      this.#finish();
      return "taken";
    }
    if (this.outstanding <= MAX_WINDOW_FRAMES / 2) this.#claimUpTo(MAX_WINDOW_FRAMES);
    return "taken";
  }

  /** Nothing has come for a while: what was granted goes to others, and one frame is asked for again in turn. */
  idle(): void {
    if (this.#ended || this.waits) return;
    this.#giveBack();
    this.#again = true;
    this.#claimUpTo(1);
  }

  /** Says once more that everything has come: the sender asks. */
  repeatEnd(): void {
    if (this.#ended) this.#ports.grant({ next: this.#next, until: this.#next, again: false });
  }

  /** Gives up: whatever comes is beyond. Safe to call twice. */
  close(): void {
    this.#ended = true;
    this.#budget.leave(this.#claim);
    this.#giveBack();
  }

  #finish(): void {
    this.close();
    this.#ports.grant({ next: this.#next, until: this.#next, again: false });
  }

  #askForMissing(): void {
    if (this.#askedFor === this.#next) return;
    this.#askedFor = this.#next;
    this.#ports.grant({ next: this.#next, until: Math.max(this.#until, this.#next), again: true });
  }

  /** A window of that many frames, or of as many as may still come. */
  #claimUpTo(window: number): void {
    if (this.waits) return;
    const wanted = Math.min(window, this.#sink.expected) - this.outstanding;
    if (wanted > 0) this.#budget.take(this.#claim, wanted);
  }

  #granted(frames: number): void {
    this.#until += frames;
    if (this.#until > this.#mostGranted) this.#mostGranted = this.#until;
    const again = this.#again;
    this.#again = false;
    this.#ports.grant({ next: this.#next, until: this.#until, again });
  }

  #giveBack(): void {
    const unused = this.outstanding;
    this.#until = this.#next;
    if (unused > 0) this.#budget.give(unused);
  }
}
