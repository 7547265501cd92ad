// Replies that were sent not long ago, to be sent again when a probe shows that one got lost (failure rule 2). They lie one behind
// the other in a ring of bytes, since each would otherwise outlive the young generation and be carried about by the garbage
// collector: at 50,000 replies a second that was a third of an instance's time.
import { Buffer } from "node:buffer";
import { hashed, hashId } from "./id-hash.ts";
import { IdMemory } from "./id-memory.ts";

/** How long a reply is kept, in ms. */
export const KEEP_REPLY_MS = 10_000;
/** All replies kept together, in bytes; the oldest go first. */
export const KEEP_REPLIES_BYTES = 8 * 1024 * 1024;
/** Ids remembered of calls that ended but whose reply is not kept any more: they ran, so they are never "unseen". */
export const MAX_FORGOTTEN_REPLIES = 50_000;
/** The ring begins so large, in bytes, and doubles as it is needed. */
const FIRST_RING_BYTES = 64 * 1024;

// A record, from an offset that is a multiple of eight. A length of 0 says that the ring goes on at its beginning.
const LENGTH = 0;
const SUBJECT_BYTES = 4;
const HEADER_BYTES = 8;
const PAYLOAD_BYTES = 12;
const ENDED_AT = 16;
const HASH_LOW = 24;
const HASH_HIGH = 28;
/** 1 if it can be found; 0 if its id was used again. */
const ALIVE = 32;
const HEAD_BYTES = 40;

export interface FinishedReply {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Uint8Array;
  readonly endedAtMs: number;
}

export class FinishedReplies {
  #bytes = Buffer.alloc(0);
  #view = new DataView(this.#bytes.buffer);
  /** Oldest record, and where the next one goes. They are equal when the ring is empty. */
  #head = 0;
  #tail = 0;
  #used = 0;
  #alive = 0;
  /** Offsets by hash, plus one; 0 is free. Open addressing, at most half full. */
  #index = new Uint32Array(64);
  readonly #forgotten = new IdMemory(MAX_FORGOTTEN_REPLIES);

  get size(): number {
    return this.#alive;
  }

  keep(id: string, subject: string, payload: Uint8Array, headers: Uint8Array, nowMs: number): void {
    hashId(id);
    const { low, high } = hashed;
    // A caller may use its reply subject again; the newer reply takes the place of the older.
    this.#drop(low, high);
    const length = (HEAD_BYTES + subject.length + headers.length + payload.length + 7) & ~7;
    if (length > KEEP_REPLIES_BYTES / 8) {
      this.#forget(low, high);
      return;
    }
    while (this.#used > 0 && nowMs - this.#view.getFloat64(this.#head + ENDED_AT, true) > KEEP_REPLY_MS) this.#evict();
    const at = this.#place(length);
    this.#write(at, length, subject, payload, headers, nowMs, low, high);
    this.#addToIndex(at);
  }

  /** A copy. Undefined as well for a reply that was too large to keep, or was kept long enough; `has` tells those from others. */
  find(id: string): FinishedReply | undefined {
    hashId(id);
    const slot = this.#slotOf(hashed.low, hashed.high);
    return slot < 0 ? undefined : this.#read((this.#index[slot] as number) - 1);
  }

  /** Whether a call of this id has ended, its reply kept or not. */
  has(id: string): boolean {
    hashId(id);
    return this.#slotOf(hashed.low, hashed.high) >= 0 || this.#forgotten.hasHashed();
  }

  /** Replies that ended after an instant: after a reconnect they may have been lost on their way. */
  *since(instantMs: number): Iterable<FinishedReply> {
    for (const at of this.#records()) {
      if (this.#view.getUint32(at + ALIVE, true) === 1 && this.#view.getFloat64(at + ENDED_AT, true) >= instantMs)
        yield this.#read(at);
    }
  }

  *#records(): Iterable<number> {
    for (let at = this.#head, left = this.#used; left > 0; ) {
      const length = this.#at(at) === at ? this.#view.getUint32(at + LENGTH, true) : 0;
      if (length === 0) {
        left -= this.#bytes.length - at;
        at = 0;
        continue;
      }
      yield at;
      at += length;
      left -= length;
      if (at === this.#bytes.length) at = 0;
    }
  }

  /** An offset, or 0 where the ring has no room for a length behind it. */
  #at(offset: number): number {
    return offset < this.#bytes.length ? offset : 0;
  }

  /** Makes room for a record and returns where it goes. */
  #place(length: number): number {
    for (;;) {
      const capacity = this.#bytes.length;
      const free = capacity - this.#used;
      const behind =
        this.#tail >= this.#head && this.#used < capacity ? capacity - this.#tail : this.#head - this.#tail;
      if (length <= Math.min(behind, free)) return this.#tail;
      // The rest of the ring is left over, if the record fits before the oldest.
      if (this.#tail >= this.#head && this.#used < capacity && free - behind >= length) {
        this.#used += behind;
        if (behind > 0) this.#view.setUint32(this.#tail + LENGTH, 0, true);
        this.#tail = 0;
        return 0;
      }
      if (capacity < KEEP_REPLIES_BYTES) this.#grow();
      else this.#evict();
    }
  }

  #write(
    at: number,
    length: number,
    subject: string,
    payload: Uint8Array,
    headers: Uint8Array,
    nowMs: number,
    low: number,
    high: number,
  ): void {
    const view = this.#view;
    view.setUint32(at + LENGTH, length, true);
    view.setUint32(at + SUBJECT_BYTES, subject.length, true);
    view.setUint32(at + HEADER_BYTES, headers.length, true);
    view.setUint32(at + PAYLOAD_BYTES, payload.length, true);
    view.setFloat64(at + ENDED_AT, nowMs, true);
    view.setUint32(at + HASH_LOW, low, true);
    view.setUint32(at + HASH_HIGH, high, true);
    view.setUint32(at + ALIVE, 1, true);
    let to = at + HEAD_BYTES;
    to += this.#bytes.write(subject, to, "latin1");
    this.#bytes.set(headers, to);
    this.#bytes.set(payload, to + headers.length);
    this.#used += length;
    this.#tail = at + length === this.#bytes.length ? 0 : at + length;
    this.#alive++;
  }

  #read(at: number): FinishedReply {
    const view = this.#view;
    const subjectEnd = at + HEAD_BYTES + view.getUint32(at + SUBJECT_BYTES, true);
    const headersEnd = subjectEnd + view.getUint32(at + HEADER_BYTES, true);
    const payloadEnd = headersEnd + view.getUint32(at + PAYLOAD_BYTES, true);
    return {
      subject: this.#bytes.toString("latin1", at + HEAD_BYTES, subjectEnd),
      headers: Uint8Array.from(this.#bytes.subarray(subjectEnd, headersEnd)),
      payload: Uint8Array.from(this.#bytes.subarray(headersEnd, payloadEnd)),
      endedAtMs: view.getFloat64(at + ENDED_AT, true),
    };
  }

  /** The oldest goes; that it ended stays known. */
  #evict(): void {
    const at = this.#head;
    const length = this.#view.getUint32(at + LENGTH, true);
    if (this.#view.getUint32(at + ALIVE, true) === 1) {
      const low = this.#view.getUint32(at + HASH_LOW, true);
      const high = this.#view.getUint32(at + HASH_HIGH, true);
      this.#drop(low, high);
      this.#forget(low, high);
    }
    this.#used -= length;
    this.#head = at + length === this.#bytes.length ? 0 : at + length;
    if (this.#used === 0) this.#tail = this.#head = 0;
    else if (this.#view.getUint32(this.#head + LENGTH, true) === 0) {
      this.#used -= this.#bytes.length - this.#head;
      this.#head = 0;
    }
  }

  #forget(low: number, high: number): void {
    hashed.low = low;
    hashed.high = high;
    this.#forgotten.addHashed();
  }

  /** Twice as large, the records one behind the other again. */
  #grow(): void {
    const old = this.#bytes;
    const larger = Buffer.alloc(Math.min(KEEP_REPLIES_BYTES, Math.max(FIRST_RING_BYTES, old.length * 2)));
    let to = 0;
    for (const at of this.#records()) {
      const length = this.#view.getUint32(at + LENGTH, true);
      old.copy(larger, to, at, at + length);
      to += length;
    }
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer, larger.byteOffset, larger.length);
    this.#head = 0;
    this.#tail = to === larger.length ? 0 : to;
    this.#used = to;
    this.#reindex(this.#index.length);
  }

  #reindex(slots: number): void {
    this.#index = new Uint32Array(slots);
    for (const at of this.#records()) if (this.#view.getUint32(at + ALIVE, true) === 1) this.#insert(at);
  }

  #addToIndex(at: number): void {
    if (this.#alive * 2 > this.#index.length) this.#reindex(this.#index.length * 2);
    else this.#insert(at);
  }

  #insert(at: number): void {
    const mask = this.#index.length - 1;
    let slot = this.#view.getUint32(at + HASH_LOW, true) & mask;
    while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
    this.#index[slot] = at + 1;
  }

  /** Slot of a record in the index, or -1. */
  #slotOf(low: number, high: number): number {
    const mask = this.#index.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#index[slot] as number;
      if (entry === 0) return -1;
      const at = entry - 1;
      if (this.#view.getUint32(at + HASH_LOW, true) === low && this.#view.getUint32(at + HASH_HIGH, true) === high)
        return slot;
    }
  }

  /** Cannot be found any more; its bytes are free when it is the oldest. */
  #drop(low: number, high: number): void {
    const slot = this.#slotOf(low, high);
    if (slot < 0) return;
    this.#view.setUint32((this.#index[slot] as number) - 1 + ALIVE, 0, true);
    this.#alive--;
    this.#free(slot);
  }

  /** Knuth's algorithm R (volume 3, 6.4): what probed over the slot moves up, so that no mark need stay behind. */
  #free(freed: number): void {
    const mask = this.#index.length - 1;
    let hole = freed;
    for (let slot = (freed + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#index[slot] as number;
      if (entry === 0) break;
      const home = this.#view.getUint32(entry - 1 + HASH_LOW, true) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#index[hole] = entry;
      hole = slot;
    }
    this.#index[hole] = 0;
  }
}
