// A reply the broker would not carry must become an error while there is still somebody to tell.
import { MeshError } from "../contract/index.ts";

/** `too-large` for a reply of more bytes, headers included, than the broker carries in one message; undefined for others. */
export function tooLargeReply(bytes: number, maxPayloadBytes: number): MeshError | undefined {
  if (bytes <= maxPayloadBytes) return undefined;
  const message = `the reply has ${bytes} bytes with its headers; the broker carries ${maxPayloadBytes} in one message, and the caller takes no frames of this service`;
  return MeshError.of("too-large", message, { origin: "instance" });
}
