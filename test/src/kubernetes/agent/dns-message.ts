// DNS as a resolver in a pod speaks it: one question over UDP, answered with addresses (RFC 1035).

export const TYPE_A = 1;
export const TYPE_AAAA = 28;
const CLASS_IN = 1;
const HEADER_BYTES = 12;
const RESPONSE = 0x8000;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;
const NO_SUCH_NAME = 3;
const POINTER_TO_QUESTION = 0xc000 | HEADER_BYTES;
/** What every resolver takes over UDP. */
const MAX_BYTES = 512;
const ANSWER_BYTES = 16;

export interface DnsQuestion {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** In lower case, without the dot at its end. */
  readonly name: string;
  readonly type: number;
  /** As it was asked, for the answer to repeat. */
  readonly raw: Buffer;
}

/** The question of a query, or nothing if it is none that a resolver would ask. */
export function decodeQuestion(message: Buffer): DnsQuestion | undefined {
  if (message.length < HEADER_BYTES + 5) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & RESPONSE) !== 0 || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63) return undefined;
    at++;
    if (length === 0) break;
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
  if (at + 4 > message.length || message.readUInt16BE(at + 2) !== CLASS_IN) return undefined;
  return {
    id: message.readUInt16BE(0),
    recursionDesired: (flags & RECURSION_DESIRED) !== 0,
    name: labels.join(".").toLowerCase(),
    type: message.readUInt16BE(at),
    raw: message.subarray(HEADER_BYTES, at + 4),
  };
}

/** IPv4 addresses of the name; nothing: there is no such name. Another type than A gets no record. */
export function encodeAnswer(
  question: DnsQuestion,
  addresses: readonly string[] | undefined,
  ttlSeconds: number,
): Buffer {
  const wanted = question.type === TYPE_A ? (addresses ?? []) : [];
  const room = Math.floor((MAX_BYTES - HEADER_BYTES - question.raw.length) / ANSWER_BYTES);
  const given = wanted.slice(0, room);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(question.id, 0);
  const flags =
    RESPONSE |
    AUTHORITATIVE |
    RECURSION_AVAILABLE |
    (question.recursionDesired ? RECURSION_DESIRED : 0) |
    (given.length < wanted.length ? TRUNCATED : 0) |
    (addresses === undefined ? NO_SUCH_NAME : 0);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(given.length, 6);
  return Buffer.concat([header, question.raw, ...given.map((address) => encodeAddress(address, ttlSeconds))]);
}

function encodeAddress(address: string, ttlSeconds: number): Buffer {
  const record = Buffer.alloc(ANSWER_BYTES);
  record.writeUInt16BE(POINTER_TO_QUESTION, 0);
  record.writeUInt16BE(TYPE_A, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(ttlSeconds, 6);
  record.writeUInt16BE(4, 10);
  for (const [index, part] of address.split(".").entries()) record.writeUInt8(Number(part), 12 + index);
  return record;
}
