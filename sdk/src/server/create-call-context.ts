// What a handler is told about its call, made from the request's headers. What few handlers ask for is made when they do.
import type { RequestFacts } from "../call/open.ts";
import type { Runtime } from "../call/runtime.ts";
import { type AttemptTarget, header, headerValue, parseTimeoutMs } from "../contract/index.ts";
import type { Logger, Span } from "../telemetry/port.ts";
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
  return new RunContext(runtime, target, facts, signal, deadlineAtMs, span);
}

class RunContext implements CallContext {
  readonly service: string;
  readonly method: string;
  readonly principal: string;
  readonly user = undefined;
  readonly signal: AbortSignal;
  /** Handlers take contexts apart, so it is bound. */
  readonly remainingMs: () => number;
  readonly #runtime: Runtime;
  readonly #facts: RequestFacts;
  readonly #deadlineAtMs: number;
  readonly #span: Span | undefined;
  #headers: ReadonlyMap<string, string> | undefined;
  #log: Logger | undefined;

  constructor(
    runtime: Runtime,
    { service, method, principal }: AttemptTarget,
    facts: RequestFacts,
    signal: AbortSignal,
    deadlineAtMs: number,
    span: Span | undefined,
  ) {
    this.service = service;
    this.method = method;
    this.principal = principal;
    this.signal = signal;
    this.#runtime = runtime;
    this.#facts = facts;
    this.#deadlineAtMs = deadlineAtMs;
    this.#span = span;
    this.remainingMs = () => Math.max(0, deadlineAtMs - runtime.clock.nowMs());
  }

  get deadline(): Date {
    const { clock } = this.#runtime;
    return new Date(clock.wallMs() + this.#deadlineAtMs - clock.nowMs());
  }

  get headers(): ReadonlyMap<string, string> {
    this.#headers ??= headerMap(this.#facts.forwarded);
    return this.#headers;
  }

  get requestId(): string {
    return headerValue(this.#facts.headers, header.requestId) ?? "";
  }

  get attempt(): number {
    return parseTimeoutMs(headerValue(this.#facts.headers, header.attempt) ?? "1") ?? 1;
  }

  get log(): Logger {
    const trace = this.#span?.context ?? this.#facts.parent;
    this.#log ??= this.#runtime.telemetry.log.child({
      method: this.method,
      principal: this.principal,
      requestId: this.requestId,
      ...(trace === undefined ? {} : { traceId: trace.traceId }),
    });
    return this.#log;
  }
}

function headerMap(fields: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    if (!map.has(name)) map.set(name, fields[i + 1] as string);
  }
  return map;
}
