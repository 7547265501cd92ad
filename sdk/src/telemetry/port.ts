// What the call path tells the outside world. The path knows this port only; prometheus, OpenTelemetry and the log
// stand behind it in `./telemetry`, and a service that wants none of them pays one comparison a call.
import type { Reason } from "../contract/reasons.ts";
import type { StatusOrOk } from "../contract/status.ts";
import type { RefusalStage } from "./refusal-stages.ts";

/** Who reports: the same call is seen by its caller, its router and its instance. */
export type Reporter = "caller" | "router" | "instance";

/** One call that ended, as one reporter saw it. Names must be bounded: an unknown method is `_OTHER`. */
export interface CallRecord {
  readonly reporter: Reporter;
  readonly caller: string;
  readonly service: string;
  readonly method: string;
  /** Version of the instance that answered; empty if none did. */
  readonly version: string;
  readonly code: StatusOrOk;
  /** Empty for a call that succeeded. */
  readonly reason: Reason | "";
  readonly durationMs: number;
  readonly attempts: number;
}

/** One attempt that ended, as its sender saw it. */
export interface AttemptRecord {
  readonly caller: string;
  readonly service: string;
  readonly method: string;
  readonly version: string;
  readonly instance: string;
  readonly code: StatusOrOk;
  readonly reason: Reason | "";
  readonly durationMs: number;
}

/** As the reporter sees it; frames sent again count again. */
export type FrameDirection = "sent" | "received";

export type BreakerState = "closed" | "open" | "half-open";

/** W3C trace context of one span. */
export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** Trace Context level 2: the trace id is random. Kept so that a context passed on is the one that came. */
  readonly random?: boolean;
  readonly tracestate?: string;
}

export type SpanKind = "client" | "server" | "internal";

/** A running span. `context` is what goes on the wire to whoever works under it. */
export interface Span {
  readonly context: TraceContext;
  setAttribute(name: string, value: string | number | boolean): void;
  addEvent(name: string, attributes?: Readonly<Record<string, string | number | boolean>>): void;
  end(code: StatusOrOk, reason: Reason | ""): void;
}

export interface Tracer {
  /**
   * A span under `parent`, or a new trace without one. Returns undefined when the trace is not sampled: the caller then
   * passes the parent's context on as it came.
   */
  startSpan(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    attributes: Readonly<Record<string, string | number>>,
  ): Span | undefined;
  /**
   * What goes on the wire when `startSpan` without a parent returned undefined: it tells everyone further on that this
   * trace was decided against, so that nobody starts a fragment of it.
   */
  unsampledRoot(): TraceContext;
  /** Runs `body` with the span active for other OpenTelemetry instrumentation, so that its spans become children. */
  within?<Result>(span: Span, body: () => Result): Result;
}

export interface Logger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
  child(facts: object): Logger;
}

export interface Telemetry {
  /** Absent: no spans, and incoming trace context is passed on untouched. */
  readonly tracer: Tracer | undefined;
  readonly log: Logger;
  /** Exactly one `callEnded` of the same reporter and service must follow: the two keep the number in flight. */
  callStarted(reporter: Reporter, service: string): void;
  callEnded(record: CallRecord): void;
  attemptEnded(record: AttemptRecord): void;
  /** A further attempt after the first; `reason` is why the one before failed. */
  retried(service: string, reason: Reason): void;
  /** Refused, by which stage and why. */
  rejected(stage: RefusalStage, reason: Reason): void;
  /** A payload went past the routers in frames, or as much of it as did before its stream ended. */
  framesMoved(reporter: Reporter, service: string, direction: FrameDirection, frames: number, bytes: number): void;
  breakerChanged(service: string, instance: string, state: BreakerState): void;
  configRevision(revision: number): void;
  /** The credentials in use expire then, in ms since 1970; undefined: they do not. */
  credentialsExpire(atMs: number | undefined): void;
}

/** The half of the port that counts. */
export type Metrics = Omit<Telemetry, "tracer" | "log">;
