// The headers of an attempt that say the same whoever sends it, a router or a direct caller.
import { formatTimeoutMs, header } from "../contract/index.ts";
import { formatTraceparent } from "../telemetry/trace-context.ts";
import type { Attempt } from "./dispatch/attempt.ts";
import type { Runtime } from "./runtime.ts";

/** Name and value in turn. `sentAtMs` is the stamp of now by whichever clock the instance compares it with. */
export function attemptFields(attempt: Attempt, { clock, ids }: Runtime, sentAtMs: number): string[] {
  const { exchange } = attempt;
  if (exchange.requestId === "") exchange.requestId = ids.next();
  const fields = [
    ...exchange.forwarded,
    header.timeout,
    formatTimeoutMs(exchange.deadlineAtMs - clock.nowMs()),
    header.sent,
    String(Math.round(sentAtMs)),
    header.requestId,
    exchange.requestId,
    header.attempt,
    String(attempt.number),
  ];
  const trace = attempt.span?.context ?? exchange.span?.context ?? exchange.parent;
  if (trace !== undefined) {
    fields.push(header.traceparent, formatTraceparent(trace));
    if (trace.tracestate !== undefined) fields.push(header.tracestate, trace.tracestate);
  }
  if (exchange.key !== undefined) fields.push(header.key, exchange.key);
  if (exchange.priority !== "default") fields.push(header.priority, exchange.priority);
  return fields;
}
