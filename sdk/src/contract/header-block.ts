// The strict reader of NATS header blocks. A block is `NATS/1.0[ status[ text]]`, CRLF, `Name: value` lines,
// and an empty line. Nothing lenient: a relay that reads a block otherwise than the broker can be made to lie.
import { Buffer } from "node:buffer";
import { header } from "./header-names.ts";

/** Headers as they came, in order: name, value, name, value. `status` is the number of a status line, 0 without one. */
export interface HeaderBlock {
  readonly status: number;
  readonly fields: readonly string[];
}

export const EMPTY_BLOCK: HeaderBlock = Object.freeze({ status: 0, fields: Object.freeze([]) as readonly string[] });
/** More than this is refused, whatever the broker would carry. */
export const MAX_BLOCK_BYTES = 64 * 1024;
export const MAX_FIELDS = 256;
/** What a router takes of a request: it adds its own, and whoever it sends that to must take it as well. */
export const MAX_RELAYED_BLOCK_BYTES = MAX_BLOCK_BYTES - 2 * 1024;
export const MAX_RELAYED_FIELDS = MAX_FIELDS - 16;

export interface BlockBounds {
  readonly bytes: number;
  readonly fields: number;
}

const WHOLE_BLOCK: BlockBounds = Object.freeze({ bytes: MAX_BLOCK_BYTES, fields: MAX_FIELDS });
/** Bounds of a block that is passed on with more in it. */
export const RELAYED_BLOCK: BlockBounds = Object.freeze({ bytes: MAX_RELAYED_BLOCK_BYTES, fields: MAX_RELAYED_FIELDS });
const PREFIX = "NATS/1.0";
const CR = 13;
const LF = 10;
const COLON = 58;
const TAB = 9;
const SPACE = 32;

/** RFC 9110 token characters by their code; a header name is nothing else. */
const TOKEN = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  TOKEN[character.charCodeAt(0)] = 1;

/** Names on the wire that are written as the mesh writes them, by length: they are not made anew for each message. */
const KNOWN_NAMES: readonly (readonly string[])[] = Array.from({ length: 32 }, (_, length) =>
  Object.values(header).filter((name) => name.length === length),
);

/**
 * Reads a block. Returns why it is refused as a string: wrong prefix, lone CR or LF, control characters, a line without
 * a colon, a name that is no token, a missing terminator, too many fields, or too many bytes, as they come or as they
 * would be written again. Values lose the blanks around them and are read as UTF-8, with U+FFFD for what is none. An
 * empty input is an empty block.
 */
export function parseHeaderBlock(bytes: Uint8Array, bounds = WHOLE_BLOCK): HeaderBlock | string {
  const length = bytes.length;
  if (length === 0) return EMPTY_BLOCK;
  if (length > bounds.bytes) return `header block of ${length} bytes, at most ${bounds.bytes} are taken`;
  const text = latin1(bytes);
  if (!text.startsWith(PREFIX)) return "header block does not begin with NATS/1.0";
  if (!text.endsWith("\r\n\r\n")) {
    // A status line alone ends with one CRLF and the empty line; anything else is unterminated.
    return "header block is not terminated by an empty line";
  }
  let at = PREFIX.length;
  let status = 0;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) {
    at = text.indexOf("\r\n");
    const read = parseStatus(text.slice(PREFIX.length, at));
    if (typeof read === "string") return read;
    status = read;
  }
  at += 2;
  const fields: string[] = [];
  let bytesWritten = length;
  // The block ends with CRLF CRLF, so that every walk below ends before its end.
  const end = length - 2;
  while (at < end) {
    let colon = at;
    while (TOKEN[bytes[colon] as number] === 1) colon++;
    if (bytes[colon] !== COLON || colon === at) return nameProblem(text, at);
    let from = colon + 1;
    while (isBlank(bytes[from] as number)) from++;
    let to = from;
    let ascii = true;
    for (; ; to++) {
      const code = bytes[to] as number;
      if (code >= SPACE && code < 0x7f) continue;
      if (code > 0x7f) ascii = false;
      else if (code === CR && bytes[to + 1] === LF) break;
      else if (code !== TAB) return `header ${shortName(text.slice(at, colon))}: control character in the value`;
    }
    const next = to + 2;
    // Space and tab only: `String.trim` would eat bytes of a UTF-8 character read as Latin-1.
    while (to > from && isBlank(bytes[to - 1] as number)) to--;
    const name = nameAt(text, at, colon);
    if (ascii) fields.push(name, text.slice(from, to));
    else {
      const decoded = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("utf8");
      // What is no UTF-8 becomes U+FFFD, three bytes for one, when it is passed on: nobody behind us could read it then.
      bytesWritten += Buffer.byteLength(decoded) - (to - from);
      if (bytesWritten > bounds.bytes)
        return `header ${shortName(name)}: the block holds so much that is no UTF-8 that it would exceed ${bounds.bytes} bytes`;
      fields.push(name, decoded);
    }
    if (fields.length > bounds.fields * 2) return `more than ${bounds.fields} headers`;
    at = next;
  }
  return { status, fields };
}

/** The name between two places; that of the mesh's own constant if it is written so. */
function nameAt(text: string, from: number, to: number): string {
  const known = KNOWN_NAMES[to - from];
  if (known !== undefined)
    for (let i = 0; i < known.length; i++) if (text.startsWith(known[i] as string, from)) return known[i] as string;
  return text.slice(from, to);
}

/** Why no name and colon stand at the beginning of a line. */
function nameProblem(text: string, at: number): string {
  const next = text.indexOf("\r\n", at);
  if (next === at) return "header block goes on after its empty line";
  const colon = text.indexOf(":", at);
  return colon < 0 || colon >= next
    ? "header line without a colon"
    : "header name with a character that is not allowed";
}

const MAX_SHOWN_NAME = 64;

/** A name as a refusal may repeat it: the sender chose how long it is, and refusals are logged. */
export function shortName(name: string): string {
  return name.length > MAX_SHOWN_NAME ? `${name.slice(0, MAX_SHOWN_NAME)}…` : name;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function parseStatus(text: string): number | string {
  if (text.length === 0) return 0;
  // From 100: a 000 would be a status line that says there is none.
  const match = /^ ([1-9][0-9]{2})(?: [\x20-\x7e\x80-\xff]*)?$/.exec(text);
  return match === null ? "malformed status line in the header block" : Number(match[1]);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** The first value under a name, in any case; undefined if there is none. */
export function headerValue(block: HeaderBlock, name: string): string | undefined {
  const { fields } = block;
  for (let i = 0; i < fields.length; i += 2) {
    if (sameName(fields[i] as string, name)) return fields[i + 1];
  }
  return undefined;
}

function sameName(a: string, b: string): boolean {
  return a === b || (a.length === b.length && (a.charCodeAt(0) | 0x20) === (b.charCodeAt(0) | 0x20) && sameText(a, b));
}

/** In any case. Most names of the same length differ by what follows the prefix, so nothing is made before a letter differs. */
function sameText(a: string, b: string): boolean {
  for (let i = 0; i < a.length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    const letter = left | 0x20;
    if (letter !== (right | 0x20) || letter < 0x61 || letter > 0x7a) return false;
  }
  return true;
}

const RESERVED_EXACT = new Set(["traceparent", "tracestate", "authorization", "content-type"]);

/** Names on the wire in lower case, by how the mesh writes them. */
const LOWER: ReadonlyMap<string, string> = new Map(Object.values(header).map((name) => [name, name.toLowerCase()]));

/** A name in lower case; nothing is made anew for those of the mesh. */
export function lowerName(name: string): string {
  return LOWER.get(name) ?? name.toLowerCase();
}

/** Headers the mesh gives a meaning to: they may stand once, and only where the mesh expects them. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return lower.startsWith("malla-") || RESERVED_EXACT.has(lower);
}

/** Reserved names as the mesh writes them; there are fewer than bits in a number. */
const RESERVED_NAMES_WRITTEN = Object.values(header).filter((name) => isReservedHeader(name));
const CANONICAL: ReadonlyMap<string, string> = new Map(
  RESERVED_NAMES_WRITTEN.map((name) => [name.toLowerCase(), name]),
);
const RESERVED_BITS: ReadonlyMap<string, number> = new Map(RESERVED_NAMES_WRITTEN.map((name, bit) => [name, 1 << bit]));

/** The first reserved name that stands twice (in any case), or undefined. */
export function duplicateReserved(block: HeaderBlock): string | undefined {
  const { fields } = block;
  // One pass: a sender may choose hundreds of names, and comparing each with each would be its cheapest attack.
  let knownSeen = 0;
  let othersSeen: Set<string> | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const bit = RESERVED_BITS.get(name);
    if (bit !== undefined) {
      if ((knownSeen & bit) !== 0) return name;
      knownSeen |= bit;
      continue;
    }
    // In another case than the mesh writes it, or a name of its own that the mesh does not know.
    const lower = name.toLowerCase();
    if (!isReservedHeader(lower)) continue;
    const known = RESERVED_BITS.get(CANONICAL.get(lower) ?? "");
    if (known !== undefined) {
      if ((knownSeen & known) !== 0) return name;
      knownSeen |= known;
    } else {
      othersSeen ??= new Set();
      if (othersSeen.has(lower)) return name;
      othersSeen.add(lower);
    }
  }
  return undefined;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Checks what an application wants to send as headers: throws a TypeError that names the header, never its value. */
export function assertSendable(name: string, value: string): void {
  if (!NAME.test(name)) throw new TypeError(`header name ${JSON.stringify(name)}: letters, digits and - _ . only`);
  if (typeof value !== "string") throw new TypeError(`header ${name}: the value must be a string`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) {
    throw new TypeError(`header ${name}: the value holds a line break or control character, which cannot be carried`);
  }
}
