// What a handler is told about its call, made from the request's headers. Headers and log are made when they are asked for.
import type { RequestFacts } from "../call/open.ts";
import type { Runtime } from "../call/runtime.ts";
import { type AttemptTarget, header, headerValue, parseTimeoutMs } from "../contract/index.ts";
import type { Span } from "../telemetry/port.ts";
import type { CallContext } from "./call-context.ts";

/** `deadlineAtMs` is an instant of the runtime's monotonic clock. */
export function createCallContext(
  runtime: Runtime,
  target: AttemptTarget,
  facts: RequestFacts,
  signal: AbortSignal,
  deadlineAtMs: number,
  span: Span | undefined,
): CallContext {
  const { clock, telemetry } = runtime;
  const requestId = headerValue(facts.headers, header.requestId) ?? "";
  let headers: ReadonlyMap<string, string> | undefined;
  let log: CallContext["log"] | undefined;
  return {
    service: target.service,
    method: target.method,
    principal: target.principal,
    user: undefined,
    signal,
    deadline: new Date(clock.wallMs() + deadlineAtMs - clock.nowMs()),
    remainingMs: () => Math.max(0, deadlineAtMs - clock.nowMs()),
    get headers() {
      headers ??= headerMap(facts.forwarded);
      return headers;
    },
    requestId,
    attempt: parseTimeoutMs(headerValue(facts.headers, header.attempt) ?? "1") ?? 1,
    get log() {
      log ??= telemetry.log.child({
        method: target.method,
        principal: target.principal,
        requestId,
        ...(span === undefined && facts.parent === undefined
          ? {}
          : { traceId: (span?.context ?? facts.parent)?.traceId }),
      });
      return log;
    },
  };
}

function headerMap(fields: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    if (!map.has(name)) map.set(name, fields[i + 1] as string);
  }
  return map;
}
