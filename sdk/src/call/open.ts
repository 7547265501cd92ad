// Stage `open`: headers are read once, the deadline becomes an instant, the span begins. Nonsense in a header the mesh
// gives a meaning to is refused here, before anything is decided by it.
import {
  type BlockBounds,
  DEFAULT_TIMEOUT_MS,
  duplicateReserved,
  type HeaderBlock,
  header,
  isReservedHeader,
  isStreamName,
  lowerName,
  MAX_TIMEOUT_MS,
  MeshError,
  type Priority,
  parseHeaderBlock,
  parseTimeoutMs,
  shortName,
} from "../contract/index.ts";
import type { TraceContext } from "../telemetry/port.ts";
import { boundBaggage, parseTraceparent } from "../telemetry/trace-context.ts";
import { parseFramedBytes } from "./frames/frame-wire.ts";

/** What the headers of a request say, checked. */
export interface RequestFacts {
  readonly headers: HeaderBlock;
  /** Remaining time the caller gave, in ms; undefined if it said nothing. */
  readonly timeoutMs: number | undefined;
  /** Stamp of when the request was sent, in ms; whose clock it is by depends on who sent it. */
  readonly sentAtMs: number | undefined;
  readonly priority: Priority;
  readonly key: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly parent: TraceContext | undefined;
  /** Stream by which a payload may travel past the router; undefined for a client without our SDK. */
  readonly stream: string | undefined;
  /** Size of a payload that follows in frames; undefined: the payload is in the message. */
  readonly framedBytes: number | undefined;
  readonly forwarded: readonly string[];
}

/** An affinity or idempotency key longer than this is refused, in characters. */
export const MAX_KEY_LENGTH = 256;

/**
 * Reads a request's header block; `bounds` are narrower for whoever passes it on. Throws `bad-request` naming the header,
 * never its value.
 */
export function readRequestHeaders(bytes: Uint8Array, bounds?: BlockBounds): RequestFacts {
  const headers = parseHeaderBlock(bytes, bounds);
  if (typeof headers === "string") throw badRequest(headers);
  if (headers.status !== 0) throw badRequest("a request carries no status line");
  const duplicate = duplicateReserved(headers);
  if (duplicate !== undefined) throw badRequest(`header ${shortName(duplicate)} stands twice`);
  return readRequestFields(headers);
}

function badRequest(message: string): MeshError {
  return MeshError.of("bad-request", message, { origin: "router" });
}

/** One pass over the fields: each is either understood, dropped, or forwarded. Throws as `readRequestHeaders` does. */
export function readRequestFields(headers: HeaderBlock): RequestFacts {
  let timeoutMs: number | undefined;
  let sentAtMs: number | undefined;
  let priority: Priority = "default";
  let key: string | undefined;
  let idempotencyKey: string | undefined;
  let traceparent: string | undefined;
  let tracestate: string | undefined;
  let stream: string | undefined;
  let framedBytes: number | undefined;
  const forwarded: string[] = [];
  const { fields } = headers;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    const lower = lowerName(name);
    switch (lower) {
      case "malla-timeout":
        timeoutMs = parseTimeoutMs(value);
        if (timeoutMs === undefined) throw badRequest(`header ${header.timeout}: whole milliseconds are expected`);
        break;
      case "malla-sent":
        sentAtMs = parseSent(value);
        break;
      case "malla-priority":
        priority = parsePriority(value);
        break;
      case "malla-key":
        key = checkedKey(header.key, value);
        break;
      case "malla-idempotency-key":
        idempotencyKey = checkedKey(header.idempotencyKey, value);
        break;
      case "malla-stream":
        if (!isStreamName(value)) throw badRequest(`header ${header.stream}: <connection>-<id> is expected`);
        stream = value;
        break;
      case "malla-bytes":
        framedBytes = parseFramedBytes(value);
        if (framedBytes === undefined) throw badRequest(`header ${header.bytes}: a number of bytes is expected`);
        break;
      case "traceparent":
        traceparent = value;
        break;
      case "tracestate":
        tracestate = value;
        break;
      case "content-type":
        forwarded.push(header.contentType, value);
        break;
      case "baggage": {
        const bounded = boundBaggage(value);
        if (bounded !== undefined) forwarded.push(header.baggage, bounded);
        break;
      }
      default:
        // What else is reserved, the broker's own, or proves a user is not the callee's to see.
        if (!isReservedHeader(lower) && !lower.startsWith("nats-")) forwarded.push(name, value);
    }
  }
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent, tracestate);
  if (framedBytes !== undefined && stream === undefined)
    throw badRequest(`header ${header.bytes} says that frames follow, but there is no ${header.stream}`);
  return { headers, timeoutMs, sentAtMs, priority, key, idempotencyKey, parent, stream, framedBytes, forwarded };
}

/** Ms since 1970. */
function parseSent(value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw badRequest(`header ${header.sent}: milliseconds since 1970 are expected`);
}

function parsePriority(value: string): Priority {
  if (value === "critical" || value === "default" || value === "sheddable") return value;
  throw badRequest(`header ${header.priority}: critical, default or sheddable are expected`);
}

function checkedKey(name: string, value: string): string {
  if (value.length === 0 || value.length > MAX_KEY_LENGTH) {
    throw badRequest(`header ${name}: 1 to ${MAX_KEY_LENGTH} characters are expected`);
  }
  return value;
}

/**
 * The instant a call must have ended. `ceilings` are what policy allows (a Route's or service's timeout); the caller may
 * ask for less, and for more only where no policy speaks. `lostMs` is time the request is known to have spent waiting.
 */
export function deadlineAtMs(
  nowMs: number,
  timeoutMs: number | undefined,
  ceilingMs: number | undefined,
  lostMs: number,
): number {
  const wanted = timeoutMs ?? ceilingMs ?? DEFAULT_TIMEOUT_MS;
  return nowMs + Math.min(wanted, ceilingMs ?? MAX_TIMEOUT_MS) - lostMs;
}
