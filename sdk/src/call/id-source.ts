// Unguessable ids: 96 random bits as 16 base64url characters. Random bytes are drawn in bulk, since a draw a call is slow.
import { Buffer } from "node:buffer";

const ID_BYTES = 12;
const POOL_IDS = 512;

export class IdSource {
  readonly #fill: (pool: Uint8Array) => void;
  readonly #pool = Buffer.alloc(ID_BYTES * POOL_IDS);
  #at = this.#pool.length;

  /** `fill` writes cryptographically random bytes: `crypto.randomFillSync`, or a seeded source in tests. */
  constructor(fill: (pool: Uint8Array) => void) {
    this.#fill = fill;
  }

  next(): string {
    if (this.#at === this.#pool.length) {
      this.#fill(this.#pool);
      this.#at = 0;
    }
    const id = this.#pool.toString("base64url", this.#at, this.#at + ID_BYTES);
    this.#at += ID_BYTES;
    return id;
  }
}
