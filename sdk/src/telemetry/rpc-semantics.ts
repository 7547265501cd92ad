// The names of OpenTelemetry's RPC conventions (stable since 1.45) and how a call of the mesh maps onto them. Imports
// nothing of OpenTelemetry, so the call path may use it without a tracer.
import type { Reason } from "../contract/reasons.ts";
import type { StatusOrOk } from "../contract/status.ts";
import type { SpanKind } from "./port.ts";

export const attribute = {
  system: "rpc.system.name",
  method: "rpc.method",
  /** Called `rpc.response.status_code` until 1.44. */
  statusCode: "rpc.status_code",
  errorType: "error.type",
  serverAddress: "server.address",
  caller: "malla.caller",
  instance: "malla.instance",
  version: "malla.version",
  router: "malla.router",
  attempt: "malla.attempt",
  attempts: "malla.attempts",
  reason: "malla.reason",
  /** On a caller's span: `direct`, or `routed`. */
  way: "malla.way",
} as const;

export const RPC_SYSTEM = "malla";

/** Name and first attributes of a span. */
export interface RpcSpan {
  /** `service/method`, as the conventions ask. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Methods whose names are kept; further ones are built each time. */
export const MAX_KEPT_SPAN_NAMES = 2000;
const kept = new Map<string, Map<string, RpcSpan>>();
let keptCount = 0;

/** Name and attributes for calls of a method. Made once a method and shared, so that a call allocates nothing for it. */
export function rpcSpan(service: string, method: string): RpcSpan {
  const known = kept.get(service)?.get(method);
  if (known !== undefined) return known;
  const name = `${service}/${method}`;
  const attributes = Object.freeze({
    [attribute.system]: RPC_SYSTEM,
    [attribute.method]: name,
    [attribute.serverAddress]: service,
  });
  const made = Object.freeze({ name, attributes });
  if (keptCount < MAX_KEPT_SPAN_NAMES) keep(service, method, made);
  return made;
}

function keep(service: string, method: string, span: RpcSpan): void {
  const methods = kept.get(service) ?? new Map<string, RpcSpan>();
  kept.set(service, methods.set(method, span));
  keptCount++;
}

/** What of these a server is to blame for; the rest is the caller's doing (the conventions' rule for gRPC). */
const SERVER_ERRORS: ReadonlySet<StatusOrOk> = new Set<StatusOrOk>([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

/** Whether a span of this kind that ended so is an error. */
export function isSpanError(kind: SpanKind, code: StatusOrOk): boolean {
  return kind === "server" ? SERVER_ERRORS.has(code) : code !== "OK";
}

/** The attributes a span gets at its end. */
export function endAttributes(kind: SpanKind, code: StatusOrOk, reason: Reason | ""): Record<string, string> {
  const attributes: Record<string, string> = { [attribute.statusCode]: code };
  if (isSpanError(kind, code)) attributes[attribute.errorType] = code;
  if (reason !== "") attributes[attribute.reason] = reason;
  return attributes;
}
