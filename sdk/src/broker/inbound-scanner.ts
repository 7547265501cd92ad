// What the server sends, taken apart: messages of our own subscriptions whole, at once and without a step for each byte; everything
// else (PING, INFO, errors, messages of the client's own) goes on to the client's parser as it came. The client's way costs a
// state machine over each byte, three objects and two decoders a message: four times as much, and it is what a flood pays with.
import { Buffer } from "node:buffer";
import type { BrokerMessage } from "./broker.ts";
import { paceCollector } from "./pace-collector.ts";

/** The client's own parser. It must stand at the beginning of a command whenever it is called. */
export interface CommandParser {
  parse(bytes: Uint8Array): void;
}

/** Takes the messages of one subscription; must not throw. */
export type MessageHandler = (message: BrokerMessage) => void;

/** A line longer than this without an end is the client's to judge, in bytes; the server's own bound for a command is 4 KiB. */
const MAX_LINE_BYTES = 64 * 1024;
const NONE: Uint8Array = new Uint8Array(0);
const SPACE = 32;
const CR = 13;
const LF = 10;
const ZERO = 48;
const H = 72;
const M = 77;
const S = 83;
const G = 71;
/** A message makes at least so many bytes of objects by itself on its way. */
const OBJECTS_BYTES_A_MESSAGE = 2 * 1024;
/** Of a size or a number: the client takes no more than 64 MiB, and a larger number is the client's to judge. */
const MAX_DIGITS = 8;

export class InboundScanner {
  readonly #inner: CommandParser;
  readonly #handlerOf: (sid: number) => MessageHandler | undefined;
  /** The beginning of a command whose line has not ended yet. */
  #begun: Buffer | undefined;
  /** A message that has come in part: room for all of it, and how much of it is there. */
  #message: Buffer | undefined;
  #filled = 0;
  /** Memory that what is being scanned takes outside of the heap beyond its objects, in bytes. */
  #outsideBytes = 0;
  /** What came was not what a server says: the client decides on it and on all that follows. */
  #gaveUp = false;
  // Of the line read last; fields, so that reading one makes no object.
  #sid = 0;
  #subjectFrom = 0;
  #subjectTo = 0;
  #replyFrom = 0;
  #replyTo = 0;
  #headerBytes = 0;
  #bodyFrom = 0;
  #end = 0;

  /** `handlerOf` is asked for each message: undefined gives it to the client. */
  constructor(inner: CommandParser, handlerOf: (sid: number) => MessageHandler | undefined) {
    this.#inner = inner;
    this.#handlerOf = handlerOf;
  }

  /** Takes the next bytes of the stream, wherever they were cut. What they hold is not to be written again. */
  parse(chunk: Uint8Array): void {
    if (this.#gaveUp) {
      this.#inner.parse(chunk);
      return;
    }
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#outsideBytes = bytes.length;
    if (this.#message !== undefined) this.#fill(this.#message, bytes);
    else if (this.#begun === undefined) this.#scan(bytes, 0);
    else {
      const joined = Buffer.concat([this.#begun, bytes]);
      this.#begun = undefined;
      this.#scan(joined, 0);
    }
    if (this.#outsideBytes > 0) paceCollector(this.#outsideBytes);
  }

  /** All commands from here on; what the last of them lacks is kept for the next bytes. */
  #scan(bytes: Buffer, from: number): void {
    let at = from;
    while (at < bytes.length) {
      const isMessage = this.#beginsMessage(bytes, at);
      if (isMessage && this.#readLine(bytes, at)) {
        if (this.#end > bytes.length) {
          this.#begin(bytes, at);
          return;
        }
        const end = this.#end;
        this.#deliver(bytes, at);
        at = end;
        continue;
      }
      const lineEnd = bytes.indexOf(LF, at);
      if (lineEnd < 0 && bytes.length - at <= MAX_LINE_BYTES) {
        // Copied: a few bytes must not keep the whole chunk.
        this.#begun = Buffer.from(bytes.subarray(at));
        return;
      }
      if (lineEnd < 0 || isMessage) {
        this.#gaveUp = true;
        this.#inner.parse(bytes.subarray(at));
        return;
      }
      this.#inner.parse(bytes.subarray(at, lineEnd + 1));
      at = lineEnd + 1;
    }
  }

  /** `MSG ` or `HMSG `; that of a command cut short is told when its line has ended. */
  #beginsMessage(bytes: Buffer, from: number): boolean {
    const at = bytes[from] === H ? from + 1 : from;
    return bytes[at] === M && bytes[at + 1] === S && bytes[at + 2] === G && bytes[at + 3] === SPACE;
  }

  /**
   * Reads `MSG subject sid [reply] bytes` or `HMSG subject sid [reply] header-bytes bytes`. False if its end has not come, or it is
   * written as no server writes it.
   */
  #readLine(bytes: Buffer, from: number): boolean {
    const withHeaders = bytes[from] === H;
    let at = from + (withHeaders ? 5 : 4);
    this.#subjectFrom = at;
    at = wordEnd(bytes, at);
    this.#subjectTo = at;
    if (bytes[at] !== SPACE) return false;
    const sidTo = wordEnd(bytes, at + 1);
    this.#sid = numberBetween(bytes, at + 1, sidTo);
    if (bytes[sidTo] !== SPACE || this.#sid < 0) return false;
    const first = sidTo + 1;
    const firstTo = wordEnd(bytes, first);
    const second = bytes[firstTo] === SPACE ? firstTo + 1 : -1;
    const secondTo = second < 0 ? -1 : wordEnd(bytes, second);
    const third = second >= 0 && bytes[secondTo] === SPACE ? secondTo + 1 : -1;
    const thirdTo = third < 0 ? -1 : wordEnd(bytes, third);
    return withHeaders
      ? third < 0
        ? second >= 0 && this.#take(bytes, 0, 0, numberBetween(bytes, first, firstTo), second, secondTo)
        : this.#take(bytes, first, firstTo, numberBetween(bytes, second, secondTo), third, thirdTo)
      : third < 0 &&
          (second < 0
            ? this.#take(bytes, 0, 0, 0, first, firstTo)
            : this.#take(bytes, first, firstTo, 0, second, secondTo));
  }

  #take(
    bytes: Buffer,
    replyFrom: number,
    replyTo: number,
    headerBytes: number,
    sizeFrom: number,
    sizeTo: number,
  ): boolean {
    const size = numberBetween(bytes, sizeFrom, sizeTo);
    if (bytes[sizeTo] !== CR || bytes[sizeTo + 1] !== LF || headerBytes < 0 || size < headerBytes) return false;
    this.#replyFrom = replyFrom;
    this.#replyTo = replyTo;
    this.#headerBytes = headerBytes;
    this.#bodyFrom = sizeTo + 2;
    this.#end = this.#bodyFrom + size + 2;
    return true;
  }

  /** Memory for the whole of a message that has come in part, so that a large one is copied once. */
  #begin(bytes: Buffer, from: number): void {
    this.#message = Buffer.allocUnsafeSlow(this.#end - from);
    this.#outsideBytes += this.#message.length;
    this.#filled = bytes.copy(this.#message, 0, from);
  }

  #fill(message: Buffer, bytes: Buffer): void {
    const taken = bytes.copy(message, this.#filled);
    this.#filled += taken;
    if (this.#filled < message.length) return;
    this.#message = undefined;
    this.#readLine(message, 0);
    this.#deliver(message, 0);
    this.#scan(bytes, taken);
  }

  #deliver(bytes: Buffer, from: number): void {
    const handle = this.#handlerOf(this.#sid);
    if (handle === undefined) {
      this.#inner.parse(bytes.subarray(from, this.#end));
      return;
    }
    this.#outsideBytes -= OBJECTS_BYTES_A_MESSAGE;
    const payloadFrom = this.#bodyFrom + this.#headerBytes;
    handle({
      subject: bytes.toString("utf8", this.#subjectFrom, this.#subjectTo),
      reply: this.#replyTo === 0 ? "" : bytes.toString("utf8", this.#replyFrom, this.#replyTo),
      headers: this.#headerBytes === 0 ? NONE : bytes.subarray(this.#bodyFrom, payloadFrom),
      payload: bytes.subarray(payloadFrom, this.#end - 2),
    });
  }
}

/** The next blank, control character or end. */
function wordEnd(bytes: Buffer, from: number): number {
  let at = from;
  while ((bytes[at] as number) > SPACE) at++;
  return at;
}

/** Negative for what is no number. */
function numberBetween(bytes: Buffer, from: number, to: number): number {
  if (to <= from || to - from > MAX_DIGITS) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
