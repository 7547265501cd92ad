// Calls this connection has under way, whichever way they go, and the bytes of their payloads: the NATS client would buffer without
// end.
import { MeshError } from "../contract/index.ts";

export class OutgoingCalls {
  readonly #maxCalls: number;
  readonly #maxBytes: number;
  #count = 0;
  #bytes = 0;

  constructor(maxCalls: number, maxBytes: number) {
    this.#maxCalls = maxCalls;
    this.#maxBytes = maxBytes;
  }

  /** Calls that have begun and not ended: on their way, or waiting to be sent again. */
  get count(): number {
    return this.#count;
  }

  /** Begins one. Returns why it is not even begun: `overloaded`. */
  begin(bytes: number): MeshError | undefined {
    if (this.#count >= this.#maxCalls) {
      const message = `this connection has ${this.#maxCalls} calls under way already (maxOutgoingCalls)`;
      return MeshError.of("overloaded", message);
    }
    // A single large payload is the broker's to judge.
    if (this.#bytes + bytes > this.#maxBytes && this.#bytes > 0) {
      const message = `the calls of this connection hold ${this.#bytes} of ${this.#maxBytes} bytes (maxOutgoingBytes)`;
      return MeshError.of("overloaded", message);
    }
    this.#count++;
    this.#bytes += bytes;
    return undefined;
  }

  end(bytes: number): void {
    this.#count--;
    this.#bytes -= bytes;
  }
}
