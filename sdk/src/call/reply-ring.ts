// Replies one behind the other in a ring of bytes, found by the hash of their id. As objects each would outlive the young generation
// and be carried about by the garbage collector: at 50,000 replies a second that was a third of an instance's time.
import { Buffer } from "node:buffer";

/** A ring begins so large, in bytes, and doubles as it is needed. */
export const FIRST_RING_BYTES = 2 * 1024;

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

/** Bytes a reply takes in a ring. */
export function recordBytes(subject: string, headers: Uint8Array, payload: Uint8Array): number {
  return (HEAD_BYTES + subject.length + headers.length + payload.length + 7) & ~7;
}

export class ReplyRing {
  readonly #onEvicted: (low: number, high: number) => void;
  #bytes = Buffer.alloc(FIRST_RING_BYTES);
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  /** Oldest record, and where the next one goes. They are equal when the ring is empty or full. */
  #head = 0;
  #tail = 0;
  #used = 0;
  #alive = 0;
  /** Offsets by hash, plus one; 0 is free. Open addressing, at most half full. */
  #index = new Uint32Array(64);

  /** `onEvicted` gets the hash of a reply that had to go. */
  constructor(onEvicted: (low: number, high: number) => void) {
    this.#onEvicted = onEvicted;
  }

  /** Replies that can be found. */
  get size(): number {
    return this.#alive;
  }

  /** What it takes of memory for replies, in bytes. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** When the oldest of its replies ended; undefined if there is none. */
  get oldestEndedAtMs(): number | undefined {
    return this.#used === 0 ? undefined : this.#view.getFloat64(this.#head + ENDED_AT, true);
  }

  /** Whether a record of so many bytes goes in without another one going. */
  hasRoom(length: number): boolean {
    return this.#fits(length) !== "no";
  }

  /** Adds a reply, in the place of one with the same hash. The oldest go until there is room for it. */
  add(low: number, high: number, subject: string, headers: Uint8Array, payload: Uint8Array, nowMs: number): void {
    this.drop(low, high);
    const length = recordBytes(subject, headers, payload);
    while (!this.hasRoom(length)) this.evict();
    const at = this.#place(length);
    this.#write(at, length, subject, payload, headers, nowMs, low, high);
    this.#addToIndex(at);
  }

  has(low: number, high: number): boolean {
    return this.#slotOf(low, high) >= 0;
  }

  /** A copy. */
  find(low: number, high: number): FinishedReply | undefined {
    const slot = this.#slotOf(low, high);
    return slot < 0 ? undefined : this.#read((this.#index[slot] as number) - 1);
  }

  /** Replies that ended after an instant, the oldest first. */
  *since(instantMs: number): Iterable<FinishedReply> {
    for (const at of this.#records()) {
      if (this.#view.getUint32(at + ALIVE, true) === 1 && this.#view.getFloat64(at + ENDED_AT, true) >= instantMs)
        yield this.#read(at);
    }
  }

  *#records(): Iterable<number> {
    for (let at = this.#head, left = this.#used; left > 0; ) {
      const length = this.#view.getUint32(at + LENGTH, true);
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

  /** Where a record of this length goes: behind the last one, at the beginning, or nowhere. */
  #fits(length: number): "behind" | "beginning" | "no" {
    const capacity = this.#bytes.length;
    if (this.#used === capacity) return "no";
    if (this.#tail < this.#head) return length <= this.#head - this.#tail ? "behind" : "no";
    if (length <= capacity - this.#tail) return "behind";
    return length <= this.#head ? "beginning" : "no";
  }

  #place(length: number): number {
    if (this.#fits(length) === "beginning") {
      // The rest of the ring is left over.
      this.#view.setUint32(this.#tail + LENGTH, 0, true);
      this.#used += this.#bytes.length - this.#tail;
      this.#tail = 0;
    }
    return this.#tail;
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

  /** The oldest goes. Only for a ring that is not empty. */
  evict(): void {
    const at = this.#head;
    const length = this.#view.getUint32(at + LENGTH, true);
    if (this.#view.getUint32(at + ALIVE, true) === 1) {
      const low = this.#view.getUint32(at + HASH_LOW, true);
      const high = this.#view.getUint32(at + HASH_HIGH, true);
      this.drop(low, high);
      this.#onEvicted(low, high);
    }
    this.#used -= length;
    this.#head = at + length === this.#bytes.length ? 0 : at + length;
    if (this.#used === 0) this.#tail = this.#head = 0;
    else if (this.#view.getUint32(this.#head + LENGTH, true) === 0) {
      this.#used -= this.#bytes.length - this.#head;
      this.#head = 0;
    }
  }

  /** Another size, the records one behind the other again; the oldest go until the rest fits. */
  resize(capacity: number): void {
    for (let left = this.#recordedBytes(); left > capacity; ) {
      left -= this.#view.getUint32(this.#head + LENGTH, true);
      this.evict();
    }
    const old = this.#bytes;
    const fresh = Buffer.alloc(capacity);
    let to = 0;
    for (const at of this.#records()) {
      const length = this.#view.getUint32(at + LENGTH, true);
      old.copy(fresh, to, at, at + length);
      to += length;
    }
    this.#bytes = fresh;
    this.#view = new DataView(fresh.buffer, fresh.byteOffset, fresh.length);
    this.#head = 0;
    this.#tail = to === fresh.length ? 0 : to;
    this.#used = to;
    this.#reindex(Math.max(64, 2 ** Math.ceil(Math.log2(this.#alive * 2 + 1))));
  }

  /** Bytes of its records, without what is left over at the end of the ring. */
  #recordedBytes(): number {
    let bytes = 0;
    for (const at of this.#records()) bytes += this.#view.getUint32(at + LENGTH, true);
    return bytes;
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
  drop(low: number, high: number): void {
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
