// The tracer of an application that has set up OpenTelemetry itself: spans go to its provider, through the API alone.
import { randomFillSync } from "node:crypto";
import { context as activeContext, type Tracer as OtelApiTracer, type TracerProvider, trace } from "@opentelemetry/api";
import { contextUnder, OtelSpan, otelKind, runWithin } from "./otel-span.ts";
import type { Tracer } from "./port.ts";
import { TraceIdSource } from "./trace-context.ts";

/** The instrumentation scope our spans carry. */
export const SCOPE_NAME = "@malla/sdk";

/**
 * A tracer over the provider that the application registered with `@opentelemetry/api`, sampled as that provider decides;
 * a call without a parent of its own becomes a child of the span that is active there. Undefined if none is registered
 * at the time of asking.
 */
export function apiTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return isRegistered(provider) ? overApi(provider.getTracer(SCOPE_NAME)) : undefined;
}

/** What the API hands out without a registered provider is a proxy with nothing behind it. */
function isRegistered(provider: TracerProvider): boolean {
  const proxy = provider as Partial<{ getDelegateTracer(name: string): OtelApiTracer | undefined }>;
  return (
    typeof proxy.getDelegateTracer !== "function" || proxy.getDelegateTracer.call(provider, SCOPE_NAME) !== undefined
  );
}

function overApi(inner: OtelApiTracer): Tracer {
  const ids = new TraceIdSource((pool) => randomFillSync(pool));
  return {
    startSpan(name, kind, parent, attributes) {
      const active = activeContext.active();
      const under = parent === undefined ? active : contextUnder(active, parent, kind);
      const span = inner.startSpan(name, { kind: otelKind[kind], attributes }, under);
      return span.isRecording() ? new OtelSpan(span, kind, parent?.random === true) : undefined;
    },
    unsampledRoot: () => {
      // A span that is active but not sampled belongs to a trace already: that one goes on.
      const active = trace.getSpanContext(activeContext.active());
      if (active !== undefined && trace.isSpanContextValid(active)) {
        return { traceId: active.traceId, spanId: active.spanId, sampled: false, random: false };
      }
      return { traceId: ids.traceId(), spanId: ids.spanId(), sampled: false, random: true };
    },
    within: runWithin,
  };
}
