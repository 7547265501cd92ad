// The closed table of reasons: why the mesh refused or lost a call. sdk/docs/errors.md is tested equal to it.
import type { Status } from "./status.ts";

/** When a failed attempt may be tried again. */
export type RetryRule =
  /** Never. */
  | "no"
  /** Nothing ran, so it may always go to another instance. */
  | "elsewhere"
  /** It may have run: only an idempotent method, or a call with an idempotency key. */
  | "if-idempotent";

export interface ReasonRow {
  readonly status: Status;
  readonly http: number;
  /** Whether the handler may have run. */
  readonly mayHaveRun: boolean;
  readonly retry: RetryRule;
  readonly meaning: string;
}

function row(status: Status, http: number, mayHaveRun: boolean, retry: RetryRule, meaning: string): ReasonRow {
  return { status, http, mayHaveRun, retry, meaning };
}

export const reasonTable = {
  "bad-request": row("INTERNAL", 400, false, "no", "the subject, a header or the reply subject is malformed"),
  unauthenticated: row("UNAUTHENTICATED", 401, false, "no", "no valid proof of who calls"),
  denied: row("PERMISSION_DENIED", 403, false, "no", "an access policy does not allow the call"),
  "no-service": row("UNIMPLEMENTED", 501, false, "no", "nobody has announced the service and no policy names it"),
  "no-method": row("UNIMPLEMENTED", 501, false, "no", "the service has no such method"),
  "no-instance": row(
    "UNAVAILABLE",
    503,
    false,
    "elsewhere",
    "the service is known, but no instance can take the call now",
  ),
  "breaker-open": row("UNAVAILABLE", 503, false, "elsewhere", "the breaker of every instance is open"),
  "rate-limited": row("RESOURCE_EXHAUSTED", 429, false, "no", "a rate limit is used up"),
  overloaded: row(
    "RESOURCE_EXHAUSTED",
    429,
    false,
    "elsewhere",
    "a router, an instance or the caller's own connection has no capacity left",
  ),
  "parking-full": row("RESOURCE_EXHAUSTED", 429, false, "no", "too many calls wait for an instance already"),
  "too-large": row(
    "RESOURCE_EXHAUSTED",
    413,
    false,
    "no",
    "the payload is larger than one call carries; the message says how much that is",
  ),
  "not-started": row(
    "UNAVAILABLE",
    503,
    false,
    "elsewhere",
    "an instance refused before running: full, draining or gone",
  ),
  gone: row(
    "UNAVAILABLE",
    503,
    true,
    "if-idempotent",
    "the instance, router or connection was lost while the call ran",
  ),
  deadline: row("DEADLINE_EXCEEDED", 504, true, "if-idempotent", "no answer within the time given"),
  cancelled: row("CANCELLED", 499, true, "if-idempotent", "the caller gave up"),
  handler: row("UNKNOWN", 500, true, "no", "the handler threw something that is not a MeshError"),
  internal: row("INTERNAL", 500, true, "no", "a fault of the mesh itself"),
} as const satisfies Record<string, ReasonRow>;

/** A reason the mesh gives. */
export type MeshReason = keyof typeof reasonTable;
/** `application`: the status is the application's own, passed through untouched. */
export type Reason = MeshReason | "application";

export function isReason(name: string): name is Reason {
  return name === "application" || Object.hasOwn(reasonTable, name);
}

export function retryRuleOf(reason: Reason): RetryRule {
  return reason === "application" ? "no" : reasonTable[reason].retry;
}
