// A payload of known size as frames: cut without a copy, put together into one buffer.
import { Buffer } from "node:buffer";
import { MAX_FRAME_BYTES } from "./frame-bounds.ts";
import type { FrameSink } from "./frame-receiver.ts";
import type { FrameSource } from "./frame-sender.ts";

/** Views of the payload: whoever gave it must not write to it until all of it has arrived. */
export class PayloadSource implements FrameSource {
  readonly #payload: Uint8Array;

  constructor(payload: Uint8Array) {
    this.#payload = payload;
  }

  frame(seq: number): Uint8Array {
    return this.#payload.subarray(seq * MAX_FRAME_BYTES, (seq + 1) * MAX_FRAME_BYTES);
  }

  isLast(seq: number): boolean {
    return (seq + 1) * MAX_FRAME_BYTES >= this.#payload.length;
  }
}

/** Takes exactly `totalBytes`, in frames of any size up to the largest. */
export class PayloadAssembly implements FrameSink {
  readonly #payload: Buffer;
  #at = 0;

  constructor(totalBytes: number) {
    // Not zeroed: it is handed on only when every byte of it has been written.
    this.#payload = Buffer.allocUnsafeSlow(totalBytes);
  }

  /** All of it, once the last frame has been taken. */
  get payload(): Uint8Array {
    return this.#payload;
  }

  get expected(): number {
    return Math.max(1, Math.ceil((this.#payload.length - this.#at) / MAX_FRAME_BYTES));
  }

  take(frame: Uint8Array, last: boolean): string | undefined {
    if (frame.length > MAX_FRAME_BYTES) return `a frame of ${frame.length} bytes; at most ${MAX_FRAME_BYTES} are taken`;
    if (frame.length === 0) return "an empty frame";
    const end = this.#at + frame.length;
    if (end > this.#payload.length) return `more bytes than the ${this.#payload.length} that were announced`;
    if (last !== (end === this.#payload.length)) return `${end} bytes and the last frame do not go together`;
    this.#payload.set(frame, this.#at);
    this.#at = end;
    return undefined;
  }
}
