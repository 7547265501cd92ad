// Replies that were sent not long ago, to be sent again when a probe shows that one got lost (failure rule 2). What is kept is
// shared fairly: a principal with more than its share loses its own, so that nobody can make another's call look unseen.
import { FairShares } from "./fair-shares.ts";
import { hashed, hashId } from "./id-hash.ts";
import { IdMemory } from "./id-memory.ts";
import { type FinishedReply, ReplyRing, recordBytes } from "./reply-ring.ts";

/** How long a reply is kept, in ms. */
export const KEEP_REPLY_MS = 10_000;
/** All replies kept together, in bytes; the oldest of whoever has more than its share go first. */
export const KEEP_REPLIES_BYTES = 8 * 1024 * 1024;
/** Ids remembered of calls that ended but whose reply is not kept any more: they ran, so they are never "unseen". */
export const MAX_FORGOTTEN_REPLIES = 50_000;

/** What is kept for one principal. */
interface Share {
  readonly principal: string;
  readonly replies: ReplyRing;
  readonly forgotten: IdMemory;
}

export class FinishedReplies {
  readonly #shares = new Map<string, Share>();
  readonly #bytes = new FairShares(KEEP_REPLIES_BYTES);
  readonly #ids = new FairShares(MAX_FORGOTTEN_REPLIES);

  get size(): number {
    let size = 0;
    for (const { replies } of this.#shares.values()) size += replies.size;
    return size;
  }

  /** Keeps the reply to a call of this principal. A caller may use an id again: the newer reply takes the place of the older. */
  keep(id: string, subject: string, payload: Uint8Array, headers: Uint8Array, nowMs: number, principal: string): void {
    const share = this.#shareOf(principal);
    const { replies } = share;
    hashId(id);
    const { low, high } = hashed;
    const bytes = recordBytes(subject, headers, payload);
    if (bytes > KEEP_REPLIES_BYTES / 8) {
      replies.drop(low, high);
      this.#forget(share, low, high);
      return;
    }
    for (let at = replies.oldestEndedAtMs; at !== undefined && nowMs - at > KEEP_REPLY_MS; at = replies.oldestEndedAtMs)
      replies.evict();
    while (!replies.hasRoom(bytes) && this.#grow(share));
    // Larger than all its share: that it ended is what stays.
    if (bytes > replies.capacity) this.#forget(share, low, high);
    else replies.add(low, high, subject, headers, payload, nowMs);
  }

  /** A copy. Undefined as well for a reply that was too large to keep, or was kept long enough; `has` tells those from others. */
  find(id: string, principal?: string): FinishedReply | undefined {
    hashId(id);
    const { low, high } = hashed;
    if (principal !== undefined) return this.#shares.get(principal)?.replies.find(low, high);
    for (const { replies } of this.#shares.values()) {
      const found = replies.find(low, high);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether a call of this id has ended, its reply kept or not; of any principal's, if none is named. */
  has(id: string, principal?: string): boolean {
    hashId(id);
    const { low, high } = hashed;
    if (principal !== undefined) return knows(this.#shares.get(principal), low, high);
    for (const share of this.#shares.values()) if (knows(share, low, high)) return true;
    return false;
  }

  /** Replies that ended after an instant, each principal's in order: after a reconnect they may have been lost on their way. */
  *since(instantMs: number): Iterable<FinishedReply> {
    for (const { replies } of this.#shares.values()) yield* replies.since(instantMs);
  }

  #shareOf(principal: string): Share {
    const known = this.#shares.get(principal);
    if (known !== undefined) return known;
    const forgotten = new IdMemory();
    const share: Share = {
      principal,
      forgotten,
      replies: new ReplyRing((low, high) => this.#forget(share, low, high)),
    };
    this.#shares.set(principal, share);
    this.#bytes.add(principal, share.replies.capacity);
    this.#makeRoom(principal);
    return share;
  }

  /** Doubles what a principal has. False if that would be more than its share. */
  #grow({ principal, replies }: Share): boolean {
    const more = Math.min(replies.capacity, KEEP_REPLIES_BYTES - replies.capacity);
    if (more === 0) return false;
    this.#bytes.add(principal, more);
    if (!this.#makeRoom(principal)) {
      this.#bytes.remove(principal, more);
      return false;
    }
    replies.resize(replies.capacity + more);
    return true;
  }

  /** Takes from whoever has more than its share. False if that is the one who wants it. */
  #makeRoom(wanting: string): boolean {
    while (this.#bytes.isOver) {
      const giving = this.#bytes.whoGives(wanting);
      const share = this.#shares.get(giving);
      if (giving === wanting || share === undefined) return false;
      const half = Math.floor(share.replies.capacity / 16) * 8;
      this.#bytes.remove(giving, share.replies.capacity - half);
      share.replies.resize(half);
    }
    return true;
  }

  #forget({ principal, forgotten }: Share, low: number, high: number): void {
    this.#ids.add(principal, forgotten.add(low, high));
    while (this.#ids.isOver) {
      const giving = this.#ids.whoGives(principal);
      this.#ids.remove(giving, this.#shares.get(giving)?.forgotten.forgetOldest() ?? 0);
    }
  }
}

function knows(share: Share | undefined, low: number, high: number): boolean {
  return share !== undefined && (share.replies.has(low, high) || share.forgotten.has(low, high));
}
