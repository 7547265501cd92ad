// Payloads without a contract: JSON by default, bytes as they are.
import { Buffer } from "node:buffer";
import { CONTENT_TYPE_BYTES, CONTENT_TYPE_JSON, MeshError } from "../contract/index.ts";

export interface Payload {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** Bytes go as they are, everything else as JSON; `undefined` is JSON null. */
export function encodePayload(value: unknown): Payload {
  if (value instanceof Uint8Array) return { bytes: value, contentType: CONTENT_TYPE_BYTES };
  return { bytes: encodeJson(value), contentType: CONTENT_TYPE_JSON };
}

export function encodeJson(value: unknown): Uint8Array {
  const text = JSON.stringify(value);
  return Buffer.from(text ?? "null", "utf8");
}

/**
 * JSON if the content type says so; without one, JSON if it is (plain services often say nothing), else bytes. Throws
 * `INVALID_ARGUMENT` for JSON that cannot be read. An empty JSON payload is `undefined`.
 */
export function decodePayload(bytes: Uint8Array, contentType: string | undefined): unknown {
  if (contentType === undefined) {
    try {
      return decodeJson(bytes);
    } catch {
      return bytes;
    }
  }
  return isJson(contentType) ? decodeJson(bytes) : bytes;
}

/** `application/json`, with parameters or as a `+json` type. */
export function isJson(contentType: string): boolean {
  return contentType === CONTENT_TYPE_JSON || /^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(contentType);
}

export function decodeJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch {
    // The parser's message quotes the payload, which is nobody's business in a log.
    throw new MeshError({
      status: "INVALID_ARGUMENT",
      message: `the payload of ${bytes.length} bytes is not valid JSON`,
    });
  }
}
