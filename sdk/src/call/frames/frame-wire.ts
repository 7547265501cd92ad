// What travels between the two ends of a stream, as header blocks. Each names its attempt: a router may have tried the call at
// another instance meanwhile, and what the first one still says is not to be mixed with what the second one says.
import { Buffer } from "node:buffer";
import { encodeHeaderBlock, header, headerValue, parseHeaderBlock } from "../../contract/index.ts";
import type { Credit } from "./frame-sender.ts";

export type FrameMessage =
  | { readonly type: "frame"; readonly attempt: number; readonly seq: number; readonly last: boolean }
  | { readonly type: "credit"; readonly attempt: number; readonly credit: Credit }
  /** A payload of so many bytes is there to be taken. */
  | { readonly type: "offer"; readonly attempt: number; readonly bytes: number }
  /** Nobody wants the rest. */
  | { readonly type: "cancel"; readonly attempt: number }
  /** The broker: nobody listens on this subject. */
  | { readonly type: "unheard"; readonly subject: string | undefined };

const NO_RESPONDERS = 503;
/** Frames come by the thousand: what our own SDK writes is read without looking for more. */
const OWN_FRAME = /^NATS\/1\.0\r\nMalla-Seq: (\d{1,4}) (\d{1,9})\r\n(Malla-End: 1\r\n)?\r\n$/;
const FRAME = /^(\d{1,4}) (\d{1,9})$/;
const CREDIT = /^(\d{1,4}) (\d{1,9}) (\d{1,9})( again)?$/;
const ATTEMPT = /^\d{1,4}$/;
const BYTES = /^[1-9]\d{0,11}$/;
const LONGEST_OWN_FRAME = 64;

export function encodeFrame(attempt: number, seq: number, last: boolean): Uint8Array {
  const end = last ? "Malla-End: 1\r\n" : "";
  return Buffer.from(`NATS/1.0\r\nMalla-Seq: ${attempt} ${seq}\r\n${end}\r\n`, "latin1");
}

export function encodeCredit(attempt: number, { next, until, again }: Credit): Uint8Array {
  return encodeHeaderBlock([header.credit, `${attempt} ${next} ${until}${again ? " again" : ""}`]);
}

export function encodeOffer(attempt: number, bytes: number): Uint8Array {
  return encodeHeaderBlock([header.bytes, String(bytes), header.attempt, String(attempt)]);
}

export function encodeStreamCancel(attempt: number): Uint8Array {
  return encodeHeaderBlock([header.cancel, String(attempt)]);
}

/** Bytes of a payload in frames, as `Malla-Bytes` says them; undefined if it says nonsense. */
export function parseFramedBytes(value: string): number | undefined {
  return BYTES.test(value) ? Number(value) : undefined;
}

/** Reads the header block of a message of a stream. Returns why it is refused as a string. */
export function readFrameMessage(bytes: Uint8Array): FrameMessage | string {
  if (bytes.length <= LONGEST_OWN_FRAME) {
    const match = OWN_FRAME.exec(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1"));
    if (match !== null) return frameOf(match, match[3] !== undefined);
  }
  if (bytes.length === 0) return "no headers";
  const block = parseHeaderBlock(bytes);
  if (typeof block === "string") return block;
  if (block.status === NO_RESPONDERS) return { type: "unheard", subject: headerValue(block, header.unheardSubject) };
  if (block.status !== 0) return "a status line of its own";
  const seq = headerValue(block, header.seq);
  if (seq !== undefined) {
    const match = FRAME.exec(seq);
    return match === null
      ? `header ${header.seq}: <attempt> <number> is expected`
      : frameOf(match, headerValue(block, header.end) !== undefined);
  }
  const credit = headerValue(block, header.credit);
  if (credit !== undefined) return readCredit(credit);
  const cancel = headerValue(block, header.cancel);
  if (cancel !== undefined)
    return ATTEMPT.test(cancel)
      ? { type: "cancel", attempt: Number(cancel) }
      : `header ${header.cancel}: an attempt is expected`;
  return readOffer(headerValue(block, header.bytes), headerValue(block, header.attempt));
}

function frameOf(match: RegExpExecArray, last: boolean): FrameMessage {
  return { type: "frame", attempt: Number(match[1]), seq: Number(match[2]), last };
}

function readCredit(value: string): FrameMessage | string {
  const match = CREDIT.exec(value);
  if (match === null) return `header ${header.credit}: <attempt> <next> <until> is expected`;
  const credit = { next: Number(match[2]), until: Number(match[3]), again: match[4] !== undefined };
  return { type: "credit", attempt: Number(match[1]), credit };
}

function readOffer(bytes: string | undefined, attempt: string | undefined): FrameMessage | string {
  const total = bytes === undefined ? undefined : parseFramedBytes(bytes);
  if (total === undefined) return "neither a frame nor a credit nor an offer";
  if (attempt === undefined || !ATTEMPT.test(attempt)) return `header ${header.attempt}: a number is expected`;
  return { type: "offer", attempt: Number(attempt), bytes: total };
}
