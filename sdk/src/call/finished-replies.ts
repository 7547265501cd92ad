// Replies that were sent not long ago, to be sent again when a probe shows that one got lost (failure rule 2).
import { Buffer } from "node:buffer";

/** How long a reply is kept, in ms. */
export const KEEP_REPLY_MS = 10_000;
/** All replies kept together, in bytes; the oldest go first. */
export const KEEP_REPLIES_BYTES = 8 * 1024 * 1024;
/** Ids remembered of calls that ended but whose reply is not kept any more: they ran, so they are never "unseen". */
export const MAX_FORGOTTEN_REPLIES = 50_000;
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
  readonly #forgotten = new Set<string>();
  #bytes = 0;

  get size(): number {
    return this.#replies.size;
  }

  keep(id: string, subject: string, payload: Uint8Array, headers: Uint8Array, nowMs: number): void {
    const size = sizeOf(payload, headers);
    // A caller may use its reply subject again; the newer reply takes the place of the older.
    this.#drop(id);
    if (size > KEEP_REPLIES_BYTES / 8) {
      this.#forget(id);
      return;
    }
    this.#forgotten.delete(id);
    // Copied: a payload is often a view into a large read buffer, which it would keep alive.
    this.#replies.set(id, { id, subject, payload: Buffer.from(payload), headers, endedAtMs: nowMs });
    this.#bytes += size;
    this.#evict(nowMs);
  }

  /** Undefined as well for a reply that was too large to keep, or was kept long enough; `has` tells those from others. */
  find(id: string): FinishedReply | undefined {
    return this.#replies.get(id);
  }

  /** Whether a call of this id has ended, its reply kept or not. */
  has(id: string): boolean {
    return this.#replies.has(id) || this.#forgotten.has(id);
  }

  /** Replies that ended after an instant: after a reconnect they may have been lost on their way. */
  *since(instantMs: number): Iterable<FinishedReply> {
    for (const reply of this.#replies.values()) if (reply.endedAtMs >= instantMs) yield reply;
  }

  #evict(nowMs: number): void {
    for (const reply of this.#replies.values()) {
      if (this.#bytes <= KEEP_REPLIES_BYTES && nowMs - reply.endedAtMs <= KEEP_REPLY_MS) return;
      this.#drop(reply.id);
      this.#forget(reply.id);
    }
  }

  #drop(id: string): void {
    const reply = this.#replies.get(id);
    if (reply === undefined) return;
    this.#replies.delete(id);
    this.#bytes -= sizeOf(reply.payload, reply.headers);
  }

  #forget(id: string): void {
    if (this.#forgotten.size >= MAX_FORGOTTEN_REPLIES) {
      const [oldest] = this.#forgotten;
      if (oldest !== undefined) this.#forgotten.delete(oldest);
    }
    this.#forgotten.add(id);
  }
}

function sizeOf(payload: Uint8Array, headers: Uint8Array): number {
  return payload.length + headers.length + ENTRY_BYTES;
}
