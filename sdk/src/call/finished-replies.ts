// Replies that were sent not long ago, to be sent again when a probe shows that one got lost (failure rule 2). What is kept is
// shared fairly: a principal with more than its share loses its own, so that nobody can make another's call look unseen.
import { Buffer } from "node:buffer";
import { AgeList, type Link } from "./age-list.ts";
import { FairShares } from "./fair-shares.ts";

/** How long a reply is kept, in ms. */
export const KEEP_REPLY_MS = 10_000;
/** All replies kept together, in bytes; the oldest of whoever has more than its share go first. */
export const KEEP_REPLIES_BYTES = 8 * 1024 * 1024;
/** Ids remembered of calls that ended but whose reply is not kept any more: they ran, so they are never "unseen". */
export const MAX_FORGOTTEN_REPLIES = 50_000;
/** Bookkeeping of one kept reply, counted so that tiny replies cannot grow the table without bound. */
const ENTRY_BYTES = 320;

export interface FinishedReply {
  readonly id: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Uint8Array;
  readonly endedAtMs: number;
  readonly principal: string;
}

interface Kept {
  readonly reply: FinishedReply;
  readonly inAll: Link<FinishedReply>;
  readonly inOwn: Link<string>;
}

interface Forgotten {
  readonly principal: string;
  readonly inOwn: Link<string>;
}

/** Ids of one principal. */
interface Own {
  readonly kept: AgeList<string>;
  readonly forgotten: AgeList<string>;
}

export class FinishedReplies {
  readonly #kept = new Map<string, Kept>();
  readonly #forgotten = new Map<string, Forgotten>();
  /** In order of ending. */
  readonly #all = new AgeList<FinishedReply>();
  readonly #own = new Map<string, Own>();
  readonly #bytes = new FairShares(KEEP_REPLIES_BYTES);
  readonly #ids = new FairShares(MAX_FORGOTTEN_REPLIES);

  get size(): number {
    return this.#kept.size;
  }

  /** Keeps the reply to a call of this principal. */
  keep(id: string, subject: string, payload: Uint8Array, headers: Uint8Array, nowMs: number, principal: string): void {
    const size = sizeOf(payload, headers);
    // A caller may use its reply subject again; the newer reply takes the place of the older.
    this.#drop(id);
    if (size > KEEP_REPLIES_BYTES / 8) {
      this.#forget(id, principal);
      return;
    }
    this.#remember(id);
    // Copied: a payload is often a view into a large read buffer, which it would keep alive.
    const reply = { id, subject, payload: Buffer.from(payload), headers, endedAtMs: nowMs, principal };
    this.#kept.set(id, { reply, inAll: this.#all.add(reply), inOwn: this.#ownOf(principal).kept.add(id) });
    this.#bytes.add(principal, size);
    this.#expire(nowMs);
    while (this.#bytes.isOver) this.#letGo(this.#own.get(this.#bytes.whoGives(principal))?.kept.oldest ?? id);
  }

  /** Undefined as well for a reply that was too large to keep, or was kept long enough; `has` tells those from others. */
  find(id: string): FinishedReply | undefined {
    return this.#kept.get(id)?.reply;
  }

  /** Whether a call of this id has ended, its reply kept or not. */
  has(id: string): boolean {
    return this.#kept.has(id) || this.#forgotten.has(id);
  }

  /** Replies that ended after an instant: after a reconnect they may have been lost on their way. */
  *since(instantMs: number): Iterable<FinishedReply> {
    for (const reply of this.#all) if (reply.endedAtMs >= instantMs) yield reply;
  }

  #expire(nowMs: number): void {
    for (;;) {
      const { oldest } = this.#all;
      if (oldest === undefined || nowMs - oldest.endedAtMs <= KEEP_REPLY_MS) return;
      this.#letGo(oldest.id);
    }
  }

  /** The reply goes, its id stays. */
  #letGo(id: string): void {
    const principal = this.#drop(id);
    if (principal !== undefined) this.#forget(id, principal);
  }

  /** Returns whose it was; undefined if it was not kept. */
  #drop(id: string): string | undefined {
    const kept = this.#kept.get(id);
    if (kept === undefined) return undefined;
    const { principal, payload, headers } = kept.reply;
    this.#kept.delete(id);
    this.#all.remove(kept.inAll);
    this.#bytes.remove(principal, sizeOf(payload, headers));
    this.#ownOf(principal).kept.remove(kept.inOwn);
    this.#disown(principal);
    return principal;
  }

  #forget(id: string, principal: string): void {
    this.#remember(id);
    this.#forgotten.set(id, { principal, inOwn: this.#ownOf(principal).forgotten.add(id) });
    this.#ids.add(principal, 1);
    while (this.#ids.isOver) this.#remember(this.#own.get(this.#ids.whoGives(principal))?.forgotten.oldest ?? id);
  }

  /** It is none of the forgotten any more. */
  #remember(id: string): void {
    const forgotten = this.#forgotten.get(id);
    if (forgotten === undefined) return;
    this.#forgotten.delete(id);
    this.#ids.remove(forgotten.principal, 1);
    this.#ownOf(forgotten.principal).forgotten.remove(forgotten.inOwn);
    this.#disown(forgotten.principal);
  }

  #ownOf(principal: string): Own {
    let own = this.#own.get(principal);
    if (own === undefined) {
      own = { kept: new AgeList(), forgotten: new AgeList() };
      this.#own.set(principal, own);
    }
    return own;
  }

  #disown(principal: string): void {
    const own = this.#own.get(principal);
    if (own?.kept.oldest === undefined && own?.forgotten.oldest === undefined) this.#own.delete(principal);
  }
}

function sizeOf(payload: Uint8Array, headers: Uint8Array): number {
  return payload.length + headers.length + ENTRY_BYTES;
}
