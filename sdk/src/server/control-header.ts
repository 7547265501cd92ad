// The one header a cancel or a probe is about.
import type { BrokerMessage } from "../broker/broker.ts";
import { readRequestHeaders } from "../call/open.ts";
import { headerValue } from "../contract/index.ts";

export interface ControlHeader {
  /** Undefined if the message does not carry it. */
  readonly value: string | undefined;
  /** Why the header block is refused; empty if it is not. */
  readonly problem: string;
}

/** Reads a header of a message between mesh parts. Never throws. */
export function controlHeader({ headers }: BrokerMessage, name: string): ControlHeader {
  if (headers.length === 0) return { value: undefined, problem: "" };
  try {
    return { value: headerValue(readRequestHeaders(headers).headers, name), problem: "" };
  } catch (error) {
    return { value: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}
