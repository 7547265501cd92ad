// A reply the broker would not carry must become an error while there is still somebody to tell.
import { MeshError } from "../contract/index.ts";

/** Throws `too-large` for a reply of more bytes, headers included, than the broker carries. */
export function refuseTooLarge(bytes: number, maxPayloadBytes: number): void {
  if (bytes <= maxPayloadBytes) return;
  throw MeshError.of(
    "too-large",
    `the reply has ${bytes} bytes with its headers; the broker carries ${maxPayloadBytes}`,
    { origin: "instance" },
  );
}
