// W3C Trace Context (level 2) and Baggage: the strict readers, the writers, and the source of ids. No tracer is needed to
// pass a trace on, so nothing here imports one.
import { Buffer } from "node:buffer";
import type { TraceContext } from "./port.ts";

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const POOL_BYTES = 8192;
/** `00-<32>-<16>-<2>`. */
const TRACEPARENT_LENGTH = 55;
const FLAG_SAMPLED = 0x01;
const FLAG_RANDOM = 0x02;
const DASH = 0x2d;

/** Bounds of the specifications: what every party must carry, and all that we carry. */
export const MAX_TRACESTATE_MEMBERS = 32;
export const MAX_TRACESTATE_LENGTH = 512;
/** Members longer than this go first when tracestate must be cut (Trace Context, section 3.3.1.5). */
const LONG_TRACESTATE_MEMBER = 128;
export const MAX_BAGGAGE_MEMBERS = 64;
export const MAX_BAGGAGE_BYTES = 8192;

/**
 * Reads `traceparent` and, if there is one, `tracestate`. Undefined for anything the specification calls invalid: upper
 * case, wrong lengths, all-zero ids, version ff; the trace then begins anew. A later version is read by its first four
 * fields and written back as version 00.
 */
export function parseTraceparent(traceparent: string, tracestate?: string): TraceContext | undefined {
  if (!hasTraceparentShape(traceparent)) return undefined;
  const traceId = traceparent.slice(3, 35);
  const spanId = traceparent.slice(36, 52);
  if (isAllZero(traceId) || isAllZero(spanId)) return undefined;
  const flags = Number.parseInt(traceparent.slice(53, 55), 16);
  const bounded = tracestate === undefined ? undefined : boundTracestate(tracestate);
  const sampled = (flags & FLAG_SAMPLED) !== 0;
  const random = (flags & FLAG_RANDOM) !== 0;
  return bounded === undefined
    ? { traceId, spanId, sampled, random }
    : { traceId, spanId, sampled, random, tracestate: bounded };
}

function hasTraceparentShape(text: string): boolean {
  if (text.length < TRACEPARENT_LENGTH) return false;
  if (text.charCodeAt(2) !== DASH || text.charCodeAt(35) !== DASH || text.charCodeAt(52) !== DASH) return false;
  if (!isHex(text, 0, 2) || !isHex(text, 3, 35) || !isHex(text, 36, 52) || !isHex(text, 53, 55)) return false;
  const version = text.slice(0, 2);
  if (version === "ff") return false;
  if (text.length === TRACEPARENT_LENGTH) return true;
  return version !== "00" && text.charCodeAt(TRACEPARENT_LENGTH) === DASH;
}

/** Lower-case digits only, as the specification asks. */
function isHex(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66))) return false;
  }
  return true;
}

function isAllZero(id: string): boolean {
  for (let at = 0; at < id.length; at++) if (id.charCodeAt(at) !== 0x30) return false;
  return true;
}

/** The `traceparent` value of a context, version 00. */
export function formatTraceparent(context: TraceContext): string {
  const flags = (context.sampled ? FLAG_SAMPLED : 0) | (context.random === true ? FLAG_RANDOM : 0);
  return `00-${context.traceId}-${context.spanId}-0${flags}`;
}

const TRACESTATE_KEY = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
/** Printable ASCII without comma and equals sign, not ending in a blank. */
const TRACESTATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * Tracestate as it may be passed on: at most 32 members and 512 characters. Too long: members over 128 characters are
 * dropped first, then from the right, always whole. Undefined if it is empty, malformed or names a key twice: the
 * specification lets a malformed one be discarded whole, while the trace goes on.
 */
export function boundTracestate(tracestate: string): string | undefined {
  const members: string[] = [];
  const keys = new Set<string>();
  for (const raw of tracestate.split(",")) {
    const member = trimBlanks(raw);
    if (member.length === 0) continue;
    const equals = member.indexOf("=");
    const key = member.slice(0, Math.max(equals, 0));
    if (!TRACESTATE_KEY.test(key) || !TRACESTATE_VALUE.test(member.slice(equals + 1)) || keys.has(key))
      return undefined;
    if (members.length === MAX_TRACESTATE_MEMBERS) return undefined;
    keys.add(key);
    members.push(member);
  }
  const kept = fitMembers(members);
  return kept.length === 0 ? undefined : kept.join(",");
}

function fitMembers(members: readonly string[]): readonly string[] {
  if (joinedLength(members) <= MAX_TRACESTATE_LENGTH) return members;
  const kept = members.filter((member) => member.length <= LONG_TRACESTATE_MEMBER);
  while (joinedLength(kept) > MAX_TRACESTATE_LENGTH) kept.pop();
  return kept;
}

function joinedLength(members: readonly string[]): number {
  return members.reduce((sum, member) => sum + member.length + 1, -1);
}

/**
 * Baggage as it may be passed on: the leading members that fit into 64 members and 8,192 bytes, each whole and as it
 * came. Undefined if nothing is left.
 */
export function boundBaggage(baggage: string): string | undefined {
  const kept: string[] = [];
  let bytes = -1;
  for (const raw of baggage.split(",", MAX_BAGGAGE_MEMBERS * 4)) {
    const member = trimBlanks(raw);
    if (member.indexOf("=") < 1) continue;
    bytes += Buffer.byteLength(member) + 1;
    if (bytes > MAX_BAGGAGE_BYTES || kept.length === MAX_BAGGAGE_MEMBERS) break;
    kept.push(member);
  }
  return kept.length === 0 ? undefined : kept.join(",");
}

/** By hand: `/[ \t]+$/` begins anew at each blank inside, which takes seconds for a header full of them. */
function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Trace and span ids. Random bytes are drawn in bulk: a draw an id costs more than the span it is for. */
export class TraceIdSource {
  readonly #fill: (pool: Uint8Array) => void;
  readonly #pool = Buffer.alloc(POOL_BYTES);
  #at = POOL_BYTES;

  /** `fill` writes random bytes: `crypto.randomFillSync`, or a seeded source in tests. */
  constructor(fill: (pool: Uint8Array) => void) {
    this.#fill = fill;
  }

  /** 32 hex digits, never all zero. */
  traceId(): string {
    return this.#next(TRACE_ID_BYTES);
  }

  /** 16 hex digits, never all zero. */
  spanId(): string {
    return this.#next(SPAN_ID_BYTES);
  }

  /**
   * Whether the id that `traceId` gives next belongs to the sampled share `ratio`, 0 to 1. If not, that id is skipped. By
   * the formula of OpenTelemetry's own ratio sampler, so every party with the same ratio decides alike.
   */
  nextIsSampled(ratio: number): boolean {
    this.#ensure(TRACE_ID_BYTES);
    const at = this.#at;
    const pool = this.#pool;
    const folded =
      pool.readInt32BE(at) ^ pool.readInt32BE(at + 4) ^ pool.readInt32BE(at + 8) ^ pool.readInt32BE(at + 12);
    const sampled = isWithinRatio(folded, ratio);
    if (!sampled) this.#at += TRACE_ID_BYTES;
    return sampled;
  }

  #next(bytes: number): string {
    for (;;) {
      this.#ensure(bytes);
      const id = this.#pool.toString("hex", this.#at, this.#at + bytes);
      this.#at += bytes;
      if (!isAllZero(id)) return id;
    }
  }

  #ensure(bytes: number): void {
    if (this.#at + bytes <= POOL_BYTES) return;
    this.#fill(this.#pool);
    this.#at = 0;
  }
}

/** The same decision for an id that came from elsewhere. */
export function isTraceIdSampled(traceId: string, ratio: number): boolean {
  let folded = 0;
  for (let at = 0; at < 32; at += 8) folded ^= Number.parseInt(traceId.slice(at, at + 8), 16);
  return isWithinRatio(folded, ratio);
}

function isWithinRatio(folded: number, ratio: number): boolean {
  return folded >>> 0 < Math.floor(ratio * 0xffffffff) || ratio >= 1;
}
