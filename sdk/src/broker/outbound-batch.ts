// What is published in one turn of the event loop, written as NATS protocol into one piece of memory and sent at once. The client's own
// way costs a string, its encoding, two searches for blanks, four buffers and a copy a message; and what it allocates outside of
// V8's heap brings full collections about, several a second with messages of 16 KiB.
import { Buffer } from "node:buffer";

const POOL_BYTES = 256 * 1024;
/** What is larger goes the client's way: a frame is not. */
export const MAX_BATCHED_BYTES = 128 * 1024;
/** With so much waiting it is sent at once. */
const SEND_AT_BYTES = 64 * 1024;
/** Room for the words, blanks and numbers of a command. */
const COMMAND_BYTES = 40;
const SPACE = 32;
const CR = 13;
const LF = 10;
const ZERO = 48;

export class OutboundBatch {
  readonly #send: (bytes: Uint8Array) => boolean;
  readonly #flush = (): void => this.flush();
  #pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  /** What waits stands between these two. */
  #start = 0;
  #end = 0;

  /**
   * `send` puts bytes on the connection, in order, and returns whether all that it was ever given has left this process: that
   * memory is then written again.
   */
  constructor(send: (bytes: Uint8Array) => boolean) {
    this.#send = send;
  }

  /** False, and nothing is added, for what is too large. Throws a TypeError for a subject with a blank or control character. */
  add(subject: string, reply: string, headers: Uint8Array | undefined, payload: Uint8Array): boolean {
    const headerBytes = headers === undefined ? 0 : headers.length;
    const bytes = headerBytes + payload.length;
    const most = bytes + subject.length + reply.length + COMMAND_BYTES;
    if (most > MAX_BATCHED_BYTES) return false;
    if (this.#end + most > POOL_BYTES) this.#begin();
    const pool = this.#pool;
    let at = this.#end;
    if (headerBytes > 0) pool[at++] = 72;
    pool[at++] = 80;
    pool[at++] = 85;
    pool[at++] = 66;
    pool[at++] = SPACE;
    at = writeSubject(pool, at, subject);
    if (reply !== "") {
      pool[at++] = SPACE;
      at = writeSubject(pool, at, reply);
    }
    if (headerBytes > 0) {
      pool[at++] = SPACE;
      at = writeNumber(pool, at, headerBytes);
    }
    pool[at++] = SPACE;
    at = writeNumber(pool, at, bytes);
    pool[at++] = CR;
    pool[at++] = LF;
    if (headers !== undefined && headerBytes > 0) {
      pool.set(headers, at);
      at += headerBytes;
    }
    pool.set(payload, at);
    at += payload.length;
    pool[at++] = CR;
    pool[at++] = LF;
    const first = this.#start === this.#end;
    this.#end = at;
    if (at - this.#start >= SEND_AT_BYTES) this.flush();
    else if (first) queueMicrotask(this.#flush);
    return true;
  }

  /** Sends what waits: before anything that goes out by another way, so that the order stays. */
  flush(): void {
    if (this.#start === this.#end) return;
    const bytes = this.#pool.subarray(this.#start, this.#end);
    this.#start = this.#end;
    if (!this.#send(bytes)) return;
    this.#start = 0;
    this.#end = 0;
  }

  #begin(): void {
    this.flush();
    if (this.#end === 0) return;
    // A socket still holds some of it.
    this.#pool = Buffer.allocUnsafeSlow(POOL_BYTES);
    this.#start = 0;
    this.#end = 0;
  }
}

function writeSubject(bytes: Uint8Array, from: number, subject: string): number {
  let at = from;
  for (let i = 0; i < subject.length; i++) {
    const code = subject.charCodeAt(i);
    // A line break in it would begin a command of its own. No token of the mesh is anything but ASCII.
    if (code <= SPACE || code > 0x7e) throw new TypeError("a subject holds a blank or a character that is not ASCII");
    bytes[at++] = code;
  }
  if (at === from) throw new TypeError("a subject is empty");
  return at;
}

function writeNumber(bytes: Uint8Array, from: number, value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  let rest = value;
  for (let at = from + digits - 1; at >= from; at--) {
    bytes[at] = ZERO + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return from + digits;
}
