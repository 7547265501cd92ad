// What a handler is told about the call it runs.
import type { Logger } from "../telemetry/port.ts";

/** The person behind a call, from a token the router has verified. */
export interface EndUser {
  readonly subject: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface CallContext {
  readonly service: string;
  readonly method: string;
  /** Who calls; the broker has proven it. */
  readonly principal: string;
  /** Undefined for a call without a verified user token. */
  readonly user: EndUser | undefined;
  /** Aborted when the caller gives up or the deadline passes. Nested calls obey it by themselves. */
  readonly signal: AbortSignal;
  /** When nobody wants the answer any more. */
  readonly deadline: Date;
  /** Time left, in ms; 0 when it is up. */
  remainingMs(): number;
  /** The caller's own headers; look up in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The same for all attempts of a call. */
  readonly requestId: string;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly log: Logger;
}
