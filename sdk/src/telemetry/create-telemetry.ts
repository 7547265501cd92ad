// Puts the parts of telemetry together. What is left out costs nothing.
import { noopLogger, noopMetrics } from "./noop.ts";
import type { Logger, Metrics, Telemetry, Tracer } from "./port.ts";

export interface TelemetryParts {
  /** `createPrometheus(...)`, or anything that counts. Absent: nothing is counted. */
  readonly metrics?: Metrics | undefined;
  /** `createOtelTracer(...)` or `apiTracer()`. Absent: incoming trace context is passed on untouched. */
  readonly tracer?: Tracer | undefined;
  /** `createLog(...)`. Absent: nothing is written. */
  readonly log?: Logger | undefined;
}

/** The telemetry a connection or router is given. */
export function createTelemetry(parts: TelemetryParts): Telemetry {
  const metrics = parts.metrics ?? noopMetrics;
  return Object.freeze({
    tracer: parts.tracer,
    log: parts.log ?? noopLogger,
    callStarted: metrics.callStarted.bind(metrics),
    callEnded: metrics.callEnded.bind(metrics),
    attemptEnded: metrics.attemptEnded.bind(metrics),
    retried: metrics.retried.bind(metrics),
    rejected: metrics.rejected.bind(metrics),
    framesMoved: metrics.framesMoved.bind(metrics),
    breakerChanged: metrics.breakerChanged.bind(metrics),
    configRevision: metrics.configRevision.bind(metrics),
    credentialsExpire: metrics.credentialsExpire.bind(metrics),
  });
}
