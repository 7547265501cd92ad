// The writer of NATS header blocks. A block is written once, character by character, into a piece of memory shared by many: most are
// short and plain ASCII, and joining strings to encode them afterwards costs three times as much.
import { Buffer } from "node:buffer";

const POOL_BYTES = 64 * 1024;
/** A block that may be longer is made by the way that suits any. */
const MAX_POOLED_BYTES = 4 * 1024;

const BARE: Uint8Array = Buffer.from("NATS/1.0\r\n\r\n", "latin1");
const START = Buffer.from("NATS/1.0\r\n", "latin1");
const COLON = 58;
const SPACE = 32;
const CR = 13;
const LF = 10;

let pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let poolAt = 0;

/**
 * Writes a block. `fields` is name, value, name, value. They are trusted: what comes from an application was checked by
 * `assertSendable`, what came from the wire by `parseHeaderBlock`.
 */
export function encodeHeaderBlock(fields: readonly string[]): Uint8Array {
  if (fields.length === 0) return BARE;
  let most = START.length + 2 + fields.length * 2;
  for (const text of fields) most += text.length;
  if (most > MAX_POOLED_BYTES) return encodeAny(fields);
  if (poolAt + most > POOL_BYTES) {
    pool = Buffer.allocUnsafeSlow(POOL_BYTES);
    poolAt = 0;
  }
  const bytes = pool;
  const start = poolAt;
  bytes.set(START, start);
  let at = start + START.length;
  for (let i = 0; i < fields.length; i += 2) {
    at = write(bytes, at, fields[i] as string);
    if (at < 0) return encodeAny(fields);
    bytes[at++] = COLON;
    bytes[at++] = SPACE;
    at = write(bytes, at, fields[i + 1] as string);
    if (at < 0) return encodeAny(fields);
    bytes[at++] = CR;
    bytes[at++] = LF;
  }
  bytes[at++] = CR;
  bytes[at++] = LF;
  poolAt = at;
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, at - start);
}

/** Returns where it ends, or -1 if the text is not plain ASCII. */
function write(bytes: Uint8Array, from: number, text: string): number {
  let at = from;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return -1;
    bytes[at++] = code;
  }
  return at;
}

function encodeAny(fields: readonly string[]): Uint8Array {
  let text = "NATS/1.0\r\n";
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, "utf8");
}
