// What a handler is told about its call, made from the request's headers. Headers and log are made when they are asked for.
import type { LazyAbort } from "../call/lazy-abort.ts";
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
  abort: LazyAbort,
  deadlineAtMs: number,
  span: Span | undefined,
): CallContext {
  return new LazyContext(runtime, target, facts, abort, deadlineAtMs, span);
}

/** Most handlers ask for little of it. */
class LazyContext implements CallContext {
  readonly service: string;
  readonly method: string;
  readonly principal: string;
  readonly user = undefined;
  readonly #runtime: Runtime;
  readonly #facts: RequestFacts;
  readonly #abort: LazyAbort;
  readonly #deadlineAtMs: number;
  readonly #span: Span | undefined;
  #deadline: Date | undefined;
  #headers: ReadonlyMap<string, string> | undefined;
  #log: CallContext["log"] | undefined;

  constructor(
    runtime: Runtime,
    target: AttemptTarget,
    facts: RequestFacts,
    abort: LazyAbort,
    deadlineAtMs: number,
    span: Span | undefined,
  ) {
    this.service = target.service;
    this.method = target.method;
    this.principal = target.principal;
    this.#runtime = runtime;
    this.#facts = facts;
    this.#abort = abort;
    this.#deadlineAtMs = deadlineAtMs;
    this.#span = span;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get deadline(): Date {
    const { clock } = this.#runtime;
    this.#deadline ??= new Date(clock.wallMs() + this.#deadlineAtMs - clock.nowMs());
    return this.#deadline;
  }

  readonly remainingMs = (): number => Math.max(0, this.#deadlineAtMs - this.#runtime.clock.nowMs());

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

  get log(): CallContext["log"] {
    const trace = (this.#span?.context ?? this.#facts.parent)?.traceId;
    this.#log ??= this.#runtime.telemetry.log.child({
      method: this.method,
      principal: this.principal,
      requestId: this.requestId,
      ...(trace === undefined ? {} : { traceId: trace }),
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
