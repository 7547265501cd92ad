// The strict reader and the writer of NATS header blocks. A block is `NATS/1.0[ status[ text]]`, CRLF, `Name: value` lines,
// and an empty line. Nothing lenient: a relay that reads a block otherwise than the broker can be made to lie.
import { Buffer } from "node:buffer";

/** Headers as they came, in order: name, value, name, value. `status` is the number of a status line, 0 without one. */
export interface HeaderBlock {
  readonly status: number;
  readonly fields: readonly string[];
}

export const EMPTY_BLOCK: HeaderBlock = Object.freeze({ status: 0, fields: Object.freeze([]) as readonly string[] });
/** More than this is refused, whatever the broker would carry. */
export const MAX_BLOCK_BYTES = 64 * 1024;
export const MAX_FIELDS = 256;
const PREFIX = "NATS/1.0";
/** RFC 9110 token characters; a header name is nothing else. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Reads a block. Returns why it is refused as a string: wrong prefix, lone CR or LF, control characters, a line without
 * a colon, a name that is no token, a missing terminator, too many fields, or too many bytes, as they come or as they
 * would be written again. Values lose the blanks around them and are read as UTF-8, with U+FFFD for what is none. An
 * empty input is an empty block.
 */
export function parseHeaderBlock(bytes: Uint8Array): HeaderBlock | string {
  const length = bytes.length;
  if (length === 0) return EMPTY_BLOCK;
  if (length > MAX_BLOCK_BYTES) return `header block of ${length} bytes, at most ${MAX_BLOCK_BYTES} are taken`;
  const text = latin1(bytes);
  if (!text.startsWith(PREFIX)) return "header block does not begin with NATS/1.0";
  if (!text.endsWith("\r\n\r\n")) {
    // A status line alone ends with one CRLF and the empty line; anything else is unterminated.
    return "header block is not terminated by an empty line";
  }
  const lineEnd = text.indexOf("\r\n");
  const status = parseStatus(text.slice(PREFIX.length, lineEnd));
  if (typeof status === "string") return status;
  const fields: string[] = [];
  let bytesWritten = length;
  let at = lineEnd + 2;
  const end = length - 2;
  while (at < end) {
    const next = text.indexOf("\r\n", at);
    if (next === at) return "header block goes on after its empty line";
    const colon = text.indexOf(":", at);
    if (colon < 0 || colon >= next) return "header line without a colon";
    const name = text.slice(at, colon);
    if (!NAME.test(name)) return "header name with a character that is not allowed";
    const value = trimBlanks(text, colon + 1, next);
    const problem = valueProblem(value);
    if (problem !== 0) {
      if (problem === 1) return `header ${shortName(name)}: control character in the value`;
      const decoded = Buffer.from(value, "latin1").toString("utf8");
      // What is no UTF-8 becomes U+FFFD, three bytes for one, when it is passed on: nobody behind us could read it then.
      bytesWritten += Buffer.byteLength(decoded) - value.length;
      if (bytesWritten > MAX_BLOCK_BYTES)
        return `header ${shortName(name)}: the block holds so much that is no UTF-8 that it would exceed ${MAX_BLOCK_BYTES} bytes`;
      fields.push(name, decoded);
    } else fields.push(name, value);
    if (fields.length > MAX_FIELDS * 2) return `more than ${MAX_FIELDS} headers`;
    at = next + 2;
  }
  return { status, fields };
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

/** Space and tab only: `String.trim` would eat bytes of a UTF-8 character read as Latin-1. */
function trimBlanks(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** 0: plain ASCII; 1: a control character; 2: bytes above ASCII, to be read as UTF-8. */
function valueProblem(value: string): 0 | 1 | 2 {
  let result: 0 | 2 = 0;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0x7e) {
      if (code === 0x7f) return 1;
      result = 2;
    } else if (code < 0x20 && code !== 0x09) return 1;
  }
  return result;
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

/** Headers the mesh gives a meaning to: they may stand once, and only where the mesh expects them. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return lower.startsWith("malla-") || RESERVED_EXACT.has(lower);
}

/** The first reserved name that stands twice (in any case), or undefined. */
export function duplicateReserved(block: HeaderBlock): string | undefined {
  const { fields } = block;
  // One pass: a sender may choose hundreds of names, and comparing each with each would be its cheapest attack.
  const seen = new Set<string>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    if (!isReservedHeader(name)) continue;
    if (seen.has(name)) return fields[i];
    seen.add(name);
  }
  return undefined;
}

const BARE: Uint8Array = Buffer.from("NATS/1.0\r\n\r\n", "latin1");

/**
 * Writes a block. A value with CR or LF cannot be carried and throws a TypeError; so does a name that is no token.
 * `fields` is name, value, name, value; names of the mesh are constants and need no check.
 */
export function encodeHeaderBlock(fields: readonly string[]): Uint8Array {
  if (fields.length === 0) return BARE;
  let text = "NATS/1.0\r\n";
  for (let i = 0; i < fields.length; i += 2) {
    text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, "utf8");
}

/** Checks what an application wants to send as headers: throws a TypeError that names the header, never its value. */
export function assertSendable(name: string, value: string): void {
  if (!NAME.test(name)) throw new TypeError(`header name ${JSON.stringify(name)}: letters, digits and - _ . only`);
  if (typeof value !== "string") throw new TypeError(`header ${name}: the value must be a string`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) {
    throw new TypeError(`header ${name}: the value holds a line break or control character, which cannot be carried`);
  }
}
