// The priority of a request that has not been parsed, for a router that is nearly full.
import { Buffer } from "node:buffer";
import type { Priority } from "@malla/sdk/contract";

/** So much of a header block is looked at, in bytes: behind a longer one the priority counts as default until it is parsed. */
export const MAX_PEEKED_BYTES = 2 * 1024;
const PRIORITY = /\r\nmalla-priority:[ \t]*(critical|default|sheddable)[ \t]*\r\n/i;

/** What the block says near its beginning; `default` if it says nothing there, or nonsense, which `open` refuses. */
export function peekPriority(headers: Uint8Array): Priority {
  if (headers.length === 0) return "default";
  const { buffer, byteOffset, length } = headers;
  const text = Buffer.from(buffer, byteOffset, Math.min(length, MAX_PEEKED_BYTES)).toString("latin1");
  return (PRIORITY.exec(text)?.[1]?.toLowerCase() as Priority | undefined) ?? "default";
}
