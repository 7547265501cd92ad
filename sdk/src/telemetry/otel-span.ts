// A span of OpenTelemetry behind the port, and a tracer over any of its Tracer objects.
import {
  context as activeContext,
  type Context,
  createTraceState,
  type Span as OtelApiSpan,
  SpanKind as OtelKind,
  type SpanContext,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import type { Reason } from "../contract/reasons.ts";
import type { StatusOrOk } from "../contract/status.ts";
import type { Span, SpanKind, TraceContext } from "./port.ts";
import { endAttributes, isSpanError } from "./rpc-semantics.ts";

/** A bit of Trace Context level 2 that the API has no name for. */
const FLAG_RANDOM = 0x02;

export const otelKind: Readonly<Record<SpanKind, OtelKind>> = {
  client: OtelKind.CLIENT,
  server: OtelKind.SERVER,
  internal: OtelKind.INTERNAL,
};

export class OtelSpan implements Span {
  readonly context: TraceContext;
  readonly #inner: OtelApiSpan;
  readonly #kind: SpanKind;

  /** `random`: whether the trace id is (Trace Context level 2); OpenTelemetry's SDK does not keep it. */
  constructor(inner: OtelApiSpan, kind: SpanKind, random: boolean) {
    this.#inner = inner;
    this.#kind = kind;
    this.context = contextOf(inner.spanContext(), random);
  }

  setAttribute(name: string, value: string | number | boolean): void {
    this.#inner.setAttribute(name, value);
  }

  addEvent(name: string, attributes?: Readonly<Record<string, string | number | boolean>>): void {
    this.#inner.addEvent(name, attributes);
  }

  end(code: StatusOrOk, reason: Reason | ""): void {
    this.#inner.setAttributes(endAttributes(this.#kind, code, reason));
    if (isSpanError(this.#kind, code))
      this.#inner.setStatus({ code: SpanStatusCode.ERROR, message: reason === "" ? code : reason });
    this.#inner.end();
  }

  /** Runs `body` with this span active in OpenTelemetry, if the application has a context manager. */
  run<Result>(body: () => Result): Result {
    return activeContext.with(trace.setSpan(activeContext.active(), this.#inner), body);
  }
}

function contextOf(made: SpanContext, random: boolean): TraceContext {
  const tracestate = made.traceState?.serialize();
  return {
    traceId: made.traceId,
    spanId: made.spanId,
    sampled: (made.traceFlags & TraceFlags.SAMPLED) !== 0,
    random,
    ...(tracestate === undefined || tracestate === "" ? {} : { tracestate }),
  };
}

/** `base` with `parent` as the span above. Only what a server span is under came from another process for certain. */
export function contextUnder(base: Context, parent: TraceContext, kind: SpanKind): Context {
  const flags = (parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE) | (parent.random === true ? FLAG_RANDOM : 0);
  return trace.setSpanContext(base, {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: flags,
    isRemote: kind === "server",
    ...(parent.tracestate === undefined ? {} : { traceState: createTraceState(parent.tracestate) }),
  });
}

/** `Tracer.within` for both tracers: a span of somebody else's making runs the body as it is. */
export function runWithin<Result>(span: Span, body: () => Result): Result {
  return span instanceof OtelSpan ? span.run(body) : body();
}
