// Header blocks: the scanner itself, against the decoder of nats.js; what a request's headers mean; what a reply's do.
import { applicationFields, encodeFields, errorFields, errorOfReply, readRequestHeaders } from "@malla/sdk/call";
import {
  encodeHeaderBlock,
  type HeaderBlock,
  header,
  isReason,
  isReservedHeader,
  isStatus,
  MAX_BLOCK_BYTES,
  MAX_TIMEOUT_MS,
  MeshError,
  parseHeaderBlock,
} from "@malla/sdk/contract";
import { MsgHdrsImpl } from "@nats-io/nats-core/internal";
import fc from "fast-check";
import { drawFrom } from "../draw.ts";
import { bytesOf, type FuzzTarget, type Input, must } from "../target.ts";

const NAMES = [...Object.values(header), "X-Own", "x-own", "Nats-Msg-Id", "a"];
const VALUES = ["", "1", "500", "critical", "a,b", "żółw", "text/plain", "application/json", "Bearer x", "\ttab"];
const VALUES_OF: Readonly<Record<string, readonly string[]>> = {
  [header.status]: ["NOT_FOUND", "UNAVAILABLE", "OK", "constructor"],
  [header.reason]: ["application", "not-started", "deadline", "toString"],
  [header.origin]: ["router", "instance", "sdk", "nobody"],
  [header.retryAfter]: ["1", "250", "1e9", "-1", "0x10", " 7", "1e300"],
  [header.attempts]: ["0", "3", "9999", "10000"],
  [header.serviceErrorCode]: ["404", "503", "0", "-1", "1e3", "NaN"],
  [header.timeout]: ["1", "1000", "soon", "999999999"],
  [header.priority]: ["critical", "default", "sheddable", "urgent"],
  [header.traceparent]: ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
  [header.tracestate]: ["a=b,c=d"],
  [header.baggage]: ["a=b", "a=b,c=d;e"],
  [header.load]: ["1,2,3"],
};

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Bytes by which writing a block may lengthen it: `A:b` is written `A: b`. */
const WRITTEN_BESIDE_BYTES = 256;
/** Refusals are logged, so that a sender must not choose how long they are. */
const MAX_REFUSAL_LENGTH = 250;

/** Fields of the language in any order and case, once or twice, written or nearly so. */
const blocks: fc.Arbitrary<Input> = fc
  .array(
    fc
      .tuple(
        fc.constantFrom(...NAMES),
        fc.nat(30),
        fc.constantFrom(...VALUES),
        fc.constantFrom(": ", ":", ":\t", " : "),
        fc.nat(9),
      )
      .map(([name, pick, value, colon, form]) => {
        const known = VALUES_OF[name];
        const spelled = form === 0 ? name.toLowerCase() : form === 1 ? name.toUpperCase() : name;
        const written = known === undefined ? value : (known[pick % known.length] as string);
        return `${spelled}${form < 8 ? ": " : colon}${written}\r\n`;
      }),
    { maxLength: 8 },
  )
  .chain((lines) =>
    fc
      .constantFrom(
        "NATS/1.0\r\n",
        "NATS/1.0\r\n",
        "NATS/1.0\r\n",
        "NATS/1.0 503\r\n",
        "NATS/1.0 000\r\n",
        "NATS/1.0 404 x\r\n",
      )
      .map((begin) => [bytesOf(`${begin}${lines.join("")}\r\n`)]),
  );

const SEEDS: readonly Input[] = [
  [new Uint8Array(0)],
  [encodeHeaderBlock([])],
  [encodeHeaderBlock([header.timeout, "500", header.contentType, "application/json", "X-Own", "1"])],
  [encodeHeaderBlock([header.traceparent, VALUES_OF[header.traceparent]?.[0] ?? "", header.baggage, "a=b, c=d"])],
  [encodeHeaderBlock(errorFields(MeshError.of("deadline", "too late", { retryAfterMs: 12 }), 2))],
  [encodeHeaderBlock(errorFields(new MeshError({ status: "NOT_FOUND", message: "no such order" }), 1))],
  [encodeHeaderBlock([header.serviceError, "no", header.serviceErrorCode, "404"])],
  [encodeHeaderBlock([header.cancel, "a_B-9"])],
  [encodeHeaderBlock([header.probe, "a,b,c"])],
  [bytesOf("NATS/1.0 503\r\nNats-Subject: mesh.run.a.b.c.d\r\n\r\n")],
];
const WORDS = [
  "\r\n",
  "\r",
  "\n",
  ":",
  ": ",
  " ",
  "\t",
  "\0",
  "\x7f",
  "NATS/1.0",
  " 503",
  " 000",
  "A: b\r\n",
  "\u0085",
  ...NAMES,
];

const headerTarget = { seeds: SEEDS, words: WORDS, generator: () => drawFrom(blocks), maxBytes: MAX_BLOCK_BYTES + 64 };

function block(bytes: Uint8Array): string {
  const read = parseHeaderBlock(bytes);
  if (typeof read === "string") {
    must(read.length <= MAX_REFUSAL_LENGTH, "a refusal without bound");
    return `no ${read.slice(0, 24)}`;
  }
  checkBlock(read, bytes);
  return `ok ${read.status === 0} ${Math.min(read.fields.length, 16)}`;
}

/** What an accepted block is: small, clean, the same when written and read again, and the same to nats.js. */
function checkBlock({ status, fields }: HeaderBlock, bytes: Uint8Array): void {
  must(bytes.length <= MAX_BLOCK_BYTES && fields.length % 2 === 0 && fields.length <= 512, "a block without bound");
  must(Number.isInteger(status) && status >= 0 && status <= 999, `a status of ${status}`);
  for (let i = 0; i < fields.length; i += 2) {
    must(NAME.test(fields[i] as string), "a name that is no token");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    must(!/[\u0000-\u0008\u000a-\u001f\u007f]/.test(fields[i + 1] as string), "a control character in a value");
    must(!/^[ \t]|[ \t]$/.test(fields[i + 1] as string), "a blank around a value");
  }
  const written = encodeHeaderBlock(fields);
  must(
    written.length <= MAX_BLOCK_BYTES + WRITTEN_BESIDE_BYTES,
    () => `${bytes.length} bytes are written as ${written.length}`,
  );
  if (written.length <= MAX_BLOCK_BYTES) {
    const again = parseHeaderBlock(written);
    must(typeof again !== "string" && sameFields(again.fields, fields), "written and read again it differs");
  }
  compareWithClient(bytes, status, fields);
}

/** nats.js trims more kinds of blanks, and is asked about blocks alone that it can read at all. */
function compareWithClient(bytes: Uint8Array, status: number, fields: readonly string[]): void {
  if (bytes.length === 0) return;
  const theirs = MsgHdrsImpl.decode(bytes);
  const ours = new Map<string, string[]>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    ours.set(name, [...(ours.get(name) ?? []), (fields[i + 1] as string).trim()]);
  }
  must(theirs.code === status, `nats.js reads status ${theirs.code}, we read ${status}`);
  const names = [...theirs.keys()];
  must(names.length === ours.size, () => `nats.js reads ${names.length} names, we read ${ours.size}`);
  for (const name of names) {
    const values = theirs.values(name);
    must(sameFields(values, ours.get(name) ?? []), () => `nats.js reads ${JSON.stringify(values)} under ${name}`);
  }
}

function sameFields(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

function request(bytes: Uint8Array): string {
  let facts: ReturnType<typeof readRequestHeaders>;
  try {
    facts = readRequestHeaders(bytes);
  } catch (error) {
    must(error instanceof MeshError && error.reason === "bad-request", `threw ${String(error)}`);
    must(error.message.length <= MAX_REFUSAL_LENGTH, "a refusal without bound");
    return `no ${error.message.slice(0, 24)}`;
  }
  const { timeoutMs, key, idempotencyKey, forwarded, headers } = facts;
  must(!hasStatusLine(bytes), "a request with a status line was taken");
  must(
    timeoutMs === undefined || (Number.isInteger(timeoutMs) && timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS),
    "timeout",
  );
  for (const text of [key, idempotencyKey])
    must(text === undefined || (text.length >= 1 && text.length <= 256), "a key");
  const seen = new Set<string>();
  for (let i = 0; i < headers.fields.length; i += 2) {
    const name = (headers.fields[i] as string).toLowerCase();
    must(!isReservedHeader(name) || !seen.has(name), "a reserved name twice was taken");
    seen.add(name);
  }
  for (let i = 0; i < forwarded.length; i += 2) {
    const name = (forwarded[i] as string).toLowerCase();
    must(!name.startsWith("malla-") && !name.startsWith("nats-") && name !== "authorization", `${name} was forwarded`);
    must(name !== header.traceparent && name !== header.tracestate, "the trace context was forwarded as it came");
  }
  const written = encodeFields(forwarded);
  must(
    written.length <= MAX_BLOCK_BYTES + WRITTEN_BESIDE_BYTES,
    () => `${bytes.length} bytes become ${written.length}`,
  );
  const again = written.length <= MAX_BLOCK_BYTES ? parseHeaderBlock(written) : undefined;
  if (again !== undefined)
    must(typeof again !== "string" && sameFields(again.fields, forwarded), "what is forwarded is read otherwise");
  return `ok ${timeoutMs === undefined} ${key === undefined} ${facts.priority} ${facts.parent === undefined} ${Math.min(forwarded.length, 16)}`;
}

function hasStatusLine(bytes: Uint8Array): boolean {
  const first = Buffer.from(bytes).toString("latin1").split("\r\n")[0];
  return first !== "" && first !== "NATS/1.0";
}

function reply(bytes: Uint8Array): string {
  const read = parseHeaderBlock(bytes);
  if (typeof read === "string") return "no";
  const own = applicationFields(read);
  for (let i = 0; i < own.length; i += 2)
    must(!/^(malla|nats)-/i.test(own[i] as string), `${own[i]} of an instance was passed on`);
  const error = errorOfReply(read, "instance");
  if (error === undefined) return `ok ${Math.min(own.length, 8)}`;
  must(isStatus(error.status) && isReason(error.reason), "an error outside the tables");
  must(["router", "instance", "sdk"].includes(error.origin), "an origin that is none");
  must(Number.isInteger(error.attempts) && error.attempts >= 0 && error.attempts <= 9_999, "attempts");
  const { retryAfterMs } = error;
  must(retryAfterMs === undefined || (Number.isFinite(retryAfterMs) && retryAfterMs > 0), "retry after");
  must(Number.isInteger(error.http) && error.http >= 400 && error.http <= 599, `HTTP ${error.http}`);
  const passedOn = parseHeaderBlock(encodeFields(errorFields(error, error.attempts)));
  must(typeof passedOn !== "string", `the error cannot be passed on: ${String(passedOn)}`);
  const again = errorOfReply(passedOn as HeaderBlock, "instance");
  for (const field of ["status", "reason", "origin", "attempts"] as const)
    must(again?.[field] === error[field], `${field} changes from ${error[field]} to ${again?.[field]} when passed on`);
  must(
    retryAfterMs === undefined ? again?.retryAfterMs === undefined : again?.retryAfterMs === Math.ceil(retryAfterMs),
    `retry after ${retryAfterMs} ms becomes ${again?.retryAfterMs} when passed on`,
  );
  return `ok ${error.status} ${error.reason} ${retryAfterMs === undefined}`;
}

export const headerBlocks: FuzzTarget = {
  name: "header-blocks",
  ...headerTarget,
  shortInputs: 20_000,
  open: () => ({ run: ([bytes]) => block(bytes as Uint8Array) }),
};

export const requestHeaders: FuzzTarget = {
  name: "request-headers",
  ...headerTarget,
  shortInputs: 20_000,
  open: () => ({ run: ([bytes]) => request(bytes as Uint8Array) }),
};

export const replyHeaders: FuzzTarget = {
  name: "reply-headers",
  ...headerTarget,
  shortInputs: 20_000,
  open: () => ({ run: ([bytes]) => reply(bytes as Uint8Array) }),
};
