// Inputs as text that survives a terminal, to be given back with `--replay`.
import type { Input } from "./target.ts";

/** Base64url of each part, joined by points; an empty part is `-`. */
export function printInput(input: Input): string {
  return input.map((part) => (part.length === 0 ? "-" : Buffer.from(part).toString("base64url"))).join(".");
}

export function readInput(text: string): Input {
  return text.split(".").map((part) => (part === "-" ? new Uint8Array(0) : Buffer.from(part, "base64url")));
}

const SHOWN_CHARS = 160;

/** The input for the eye: printable ASCII as it is, the rest escaped, the long cut. */
export function showInput(input: Input): string {
  return input
    .map((part) => {
      const text = JSON.stringify(Buffer.from(part.subarray(0, SHOWN_CHARS)).toString("latin1"));
      return part.length > SHOWN_CHARS ? `${text}… (${part.length} bytes)` : text;
    })
    .join(" | ");
}
