// Replies that were sent not long ago, to be sent again when a probe shows that one got lost (failure rule 2).
import { Buffer } from "node:buffer";

/** How long a reply is kept, in ms. */
export const KEEP_REPLY_MS = 10_000;
/** All replies kept together, in bytes; the oldest go first. */
export const KEEP_REPLIES_BYTES = 8 * 1024 * 1024;
/** Bookkeeping of one kept reply, counted so that tiny replies cannot grow the table without bound. */
const ENTRY_BYTES = 160;

export interface FinishedReply {
  readonly id: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Uint8Array;
  readonly endedAtMs: number;
}

export class FinishedReplies {
  /** In order of ending, which a Map keeps. */
  readonly #replies = new Map<string, FinishedReply>();
  #bytes = 0;

  get size(): number {
    return this.#replies.size;
  }

  keep(id: string, subject: string, payload: Uint8Array, headers: Uint8Array, nowMs: number): void {
    const size = sizeOf(payload, headers);
    if (size > KEEP_REPLIES_BYTES / 8) return;
    // Copied: a payload is often a view into a large read buffer, which it would keep alive.
    this.#replies.set(id, { id, subject, payload: Buffer.from(payload), headers, endedAtMs: nowMs });
    this.#bytes += size;
    this.#evict(nowMs);
  }

  find(id: string): FinishedReply | undefined {
    return this.#replies.get(id);
  }

  /** Replies that ended after an instant: after a reconnect they may have been lost on their way. */
  *since(instantMs: number): Iterable<FinishedReply> {
    for (const reply of this.#replies.values()) if (reply.endedAtMs >= instantMs) yield reply;
  }

  #evict(nowMs: number): void {
    for (const reply of this.#replies.values()) {
      if (this.#bytes <= KEEP_REPLIES_BYTES && nowMs - reply.endedAtMs <= KEEP_REPLY_MS) return;
      this.#replies.delete(reply.id);
      this.#bytes -= sizeOf(reply.payload, reply.headers);
    }
  }
}

function sizeOf(payload: Uint8Array, headers: Uint8Array): number {
  return payload.length + headers.length + ENTRY_BYTES;
}
