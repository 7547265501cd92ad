// The public names of `@malla/sdk/telemetry`. This loads prom-client, pino and OpenTelemetry; the SDK itself imports
// port, noop, trace-context, rpc-semantics and log-failed-call from their own files and loads none of them.

export { Secret } from "../contract/secret.ts";
export {
  type AdminServer,
  type AdminServerOptions,
  createAdminServer,
  type HealthCheck,
  healthText,
} from "./admin/index.ts";
export { apiTracer, SCOPE_NAME } from "./api-tracer.ts";
export { BoundedLines, type BoundedLinesOptions } from "./bounded-lines.ts";
export { createTelemetry, type TelemetryParts } from "./create-telemetry.ts";
export { createLog, isLogLevel, LOG_LEVELS, type Log, type LogLevel, type LogOptions } from "./log.ts";
export { type FailedCall, logFailedCall } from "./log-failed-call.ts";
export {
  DURATION_BUCKETS_SECONDS,
  type MetricRow,
  type MetricType,
  metricsCatalogue,
  OTHER,
} from "./metrics-catalogue.ts";
export { noopLogger, noopMetrics, noopTelemetry } from "./noop.ts";
export { OPENMETRICS_CONTENT_TYPE, TEXT_CONTENT_TYPE, toOpenMetrics } from "./openmetrics.ts";
export { createOtelTracer, type OtelTracer, type OtelTracerOptions, wantsTracing } from "./otel.ts";
export type {
  AttemptRecord,
  BreakerState,
  CallRecord,
  Logger,
  Metrics,
  Reporter,
  Span,
  SpanKind,
  Telemetry,
  TraceContext,
  Tracer,
} from "./port.ts";
export { createPrometheus, type Prometheus, type PrometheusOptions } from "./prometheus.ts";
export { redactText, redactValue } from "./redact.ts";
export { type RefusalStage, refusalStages } from "./refusal-stages.ts";
export { type Refusal, Refusals } from "./refusals.ts";
export { attribute, RPC_SYSTEM, type RpcSpan, rpcSpan } from "./rpc-semantics.ts";
export {
  boundBaggage,
  boundTracestate,
  formatTraceparent,
  isTraceIdSampled,
  MAX_BAGGAGE_BYTES,
  MAX_BAGGAGE_MEMBERS,
  MAX_TRACESTATE_LENGTH,
  MAX_TRACESTATE_MEMBERS,
  parseTraceparent,
  TraceIdSource,
} from "./trace-context.ts";
