// What of an announcement changes each time (its load and its stamp), read without decoding the rest. Who announces himself
// every five seconds says the same again and again: the rest is compared byte by byte with what was read before.
import type { ReportedLoad } from "./control-messages.ts";

/** Filled by `readParts`; one object is used again and again. */
export interface AnnouncementParts {
  /** Where the load stands, and where the stamp. */
  firstStart: number;
  firstEnd: number;
  secondStart: number;
  secondEnd: number;
  readonly load: { -readonly [Field in keyof ReportedLoad]: number };
}

const LOAD = (7 << 3) | 2;
const SENT_AT = (9 << 3) | 1;
const IN_FLIGHT = 1 << 3;
const QUEUED = 2 << 3;
const LOOP_LAG = (3 << 3) | 5;
/** Its length is one byte then. */
const MAX_LOAD_BYTES = 0x7f;
/** Of a varint of 32 bits; a larger number is no length or count of ours. */
const MAX_SHIFT = 28;

export function createAnnouncementParts(): AnnouncementParts {
  return { firstStart: 0, firstEnd: 0, secondStart: 0, secondEnd: 0, load: { inFlight: 0, queued: 0, loopLagMs: 0 } };
}

/**
 * Finds load and stamp. False if they do not stand there once each as our own encoder writes them: such a message is to be
 * decoded whole.
 */
export function readParts(bytes: Uint8Array, parts: AnnouncementParts): boolean {
  let loadAt = -1;
  let stampAt = -1;
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] as number;
    const end = tag < 0x80 ? fieldEnd(bytes, at + 1, tag & 7) : -1;
    if (end < 0 || end > bytes.length) return false;
    if (tag === LOAD) {
      if (loadAt >= 0 || end - at > MAX_LOAD_BYTES || !readLoad(bytes, at + 2, end, parts.load)) return false;
      loadAt = at;
      parts.firstStart = at;
      parts.firstEnd = end;
    } else if (tag === SENT_AT) {
      if (loadAt < 0 || stampAt >= 0) return false;
      stampAt = at;
      parts.secondStart = at;
      parts.secondEnd = end;
    }
    at = end;
  }
  return stampAt >= 0;
}

/** The stamp that `readParts` found, in ms since 1970. */
export function readSentAt(bytes: Uint8Array, { secondStart }: AnnouncementParts): number {
  return new DataView(bytes.buffer, bytes.byteOffset + secondStart + 1, 8).getFloat64(0, true);
}

/** Whether all but load and stamp of two announcements are the same bytes; `known` was cut by `withoutParts`. */
export function saysTheSame(
  bytes: Uint8Array,
  { firstStart, firstEnd, secondStart, secondEnd }: AnnouncementParts,
  known: Uint8Array,
): boolean {
  const length = bytes.length - (firstEnd - firstStart) - (secondEnd - secondStart);
  if (known.length !== length) return false;
  let at = 0;
  for (let i = 0; i < firstStart; i++) if (bytes[i] !== known[at++]) return false;
  for (let i = firstEnd; i < secondStart; i++) if (bytes[i] !== known[at++]) return false;
  for (let i = secondEnd; i < bytes.length; i++) if (bytes[i] !== known[at++]) return false;
  return true;
}

/** All but load and stamp, in memory of its own: a message's bytes are part of what was read from the socket. */
export function withoutParts(
  bytes: Uint8Array,
  { firstStart, firstEnd, secondStart, secondEnd }: AnnouncementParts,
): Uint8Array {
  const kept = new Uint8Array(bytes.length - (firstEnd - firstStart) - (secondEnd - secondStart));
  kept.set(bytes.subarray(0, firstStart), 0);
  kept.set(bytes.subarray(firstEnd, secondStart), firstStart);
  kept.set(bytes.subarray(secondEnd), firstStart + secondStart - firstEnd);
  return kept;
}

/** Where a field's value ends; -1 for a wire type that we do not write, or a length that has no end. */
function fieldEnd(bytes: Uint8Array, start: number, wireType: number): number {
  if (wireType === 1) return start + 8;
  if (wireType === 5) return start + 4;
  let value = 0;
  let at = start;
  for (let shift = 0; ; shift += 7) {
    if (at >= bytes.length || shift > MAX_SHIFT) return -1;
    const byte = bytes[at++] as number;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  if (wireType === 0) return at;
  return wireType === 2 && value >= 0 ? at + value : -1;
}

function readLoad(bytes: Uint8Array, start: number, end: number, load: AnnouncementParts["load"]): boolean {
  load.inFlight = 0;
  load.queued = 0;
  load.loopLagMs = 0;
  for (let at = start; at < end; ) {
    const tag = bytes[at] as number;
    const next = fieldEnd(bytes, at + 1, tag & 7);
    if (next < 0 || next > end) return false;
    if (tag === IN_FLIGHT) load.inFlight = readNumber(bytes, at + 1, next);
    else if (tag === QUEUED) load.queued = readNumber(bytes, at + 1, next);
    else if (tag === LOOP_LAG) load.loopLagMs = readFloat(bytes, at + 1);
    else return false;
    at = next;
  }
  return true;
}

function readNumber(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = end - 1; at >= start; at--) value = value * 0x80 + ((bytes[at] as number) & 0x7f);
  return value % 2 ** 32;
}

const floatBytes = new Uint8Array(4);
const floatView = new DataView(floatBytes.buffer);

function readFloat(bytes: Uint8Array, start: number): number {
  for (let i = 0; i < 4; i++) floatBytes[i] = bytes[start + i] as number;
  const value = floatView.getFloat32(0, true);
  return Number.isFinite(value) && value > 0 ? value : 0;
}
