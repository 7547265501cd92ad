// The one line a failed call writes.
import type { CallRecord, Logger } from "./port.ts";

/** A call that failed, with what the metrics cannot carry. */
export interface FailedCall extends CallRecord {
  /** Instance of the last attempt; empty if none was made. */
  readonly instance: string;
  /** Empty if the call belongs to no trace. */
  readonly traceId: string;
  /** What is worth knowing beyond the reason: the rule that denied, the cause that was not sent. */
  readonly detail?: unknown;
}

/**
 * Writes one line: `error` for a fault of the mesh itself, `warn` for a call the mesh lost or a handler that threw,
 * `info` for what somebody decided (an application's status, a denial, a limit, a caller that gave up).
 */
export function logFailedCall(log: Logger, call: FailedCall): void {
  const facts = {
    reporter: call.reporter,
    caller: call.caller,
    service: call.service,
    method: call.method,
    instance: call.instance,
    status: call.code,
    reason: call.reason,
    attempts: call.attempts,
    durationMs: Math.round(call.durationMs * 1000) / 1000,
    traceId: call.traceId,
    ...(call.detail === undefined ? {} : { detail: call.detail }),
  };
  log[levelOf(call)](facts, "call failed");
}

function levelOf(call: FailedCall): "info" | "warn" | "error" {
  switch (call.reason) {
    case "internal":
      return "error";
    case "application":
    case "bad-request":
    case "unauthenticated":
    case "denied":
    case "no-service":
    case "no-method":
    case "rate-limited":
    case "too-large":
    case "cancelled":
      return "info";
    default:
      return "warn";
  }
}
