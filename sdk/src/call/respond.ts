// Stage `respond`: what a caller gets. Success passes payload and application headers on; an error becomes the headers
// of DESIGN section 4, which every micro client understands as well.
import {
  encodeHeaderBlock,
  type HeaderBlock,
  header,
  headerValue,
  isReason,
  isStatus,
  lowerName,
  MeshError,
  type Origin,
  statusFromHttp,
} from "../contract/index.ts";

/** The longest error text on the wire, in characters. */
export const MAX_MESSAGE_LENGTH = 1_024;

/** Header fields of an error. The text loses line breaks and control characters, and is cut. */
export function errorFields(error: MeshError, attempts: number): string[] {
  const fields = [
    header.status,
    error.status,
    header.reason,
    error.reason,
    header.origin,
    error.origin,
    header.attempts,
    String(attempts),
    header.serviceError,
    singleLine(error.message),
    header.serviceErrorCode,
    String(error.http),
  ];
  if (error.retryAfterMs !== undefined) fields.push(header.retryAfter, String(Math.ceil(error.retryAfterMs)));
  return fields;
}

function singleLine(text: string): string {
  const cut = text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  return cut.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim() || "no message";
}

/** The application's own headers of a reply: neither the broker's nor the mesh's. Content-Type is the application's. */
export function applicationFields(headers: HeaderBlock): string[] {
  const kept: string[] = [];
  const { fields } = headers;
  for (let i = 0; i < fields.length; i += 2) {
    const lower = lowerName(fields[i] as string);
    if (!lower.startsWith("malla-") && !lower.startsWith("nats-"))
      kept.push(fields[i] as string, fields[i + 1] as string);
  }
  return kept;
}

const NO_HEADERS = new Uint8Array(0);

export function encodeFields(fields: readonly string[]): Uint8Array {
  return fields.length === 0 ? NO_HEADERS : encodeHeaderBlock(fields);
}

/**
 * The error in a reply of a plain service: `Nats-Service-Error` and a number, where 0 or no number is UNKNOWN. Headers of the
 * mesh are not its to write, so they are not read.
 */
export function errorOfPlainReply(headers: HeaderBlock, origin: Origin): MeshError | undefined {
  const text = headerValue(headers, header.serviceError);
  const number = headerValue(headers, header.serviceErrorCode);
  if (text === undefined && number === undefined) return undefined;
  const message = text ?? "no message";
  return new MeshError({ status: statusFromHttp(Number(number)), message, origin });
}

/** The error a reply carries, or undefined if it is a success. `origin` is taken where it says none. */
export function errorOfReply(headers: HeaderBlock, origin: Origin): MeshError | undefined {
  const status = headerValue(headers, header.status);
  if (status === undefined) return errorOfPlainReply(headers, origin);
  const message = headerValue(headers, header.serviceError) ?? "no message";
  const reason = headerValue(headers, header.reason) ?? "application";
  const said = headerValue(headers, header.origin);
  const retryAfter = Number(headerValue(headers, header.retryAfter));
  return new MeshError({
    status: isStatus(status) ? status : "UNKNOWN",
    reason: isReason(reason) ? reason : "application",
    message,
    origin: said === "router" || said === "instance" || said === "sdk" ? said : origin,
    attempts: wholeNumber(headerValue(headers, header.attempts)),
    ...(Number.isFinite(retryAfter) && retryAfter > 0 ? { retryAfterMs: retryAfter } : {}),
  });
}

function wholeNumber(text: string | undefined): number {
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : 0;
}
