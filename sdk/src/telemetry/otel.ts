// Spans to an OTLP endpoint, through OpenTelemetry's SDK. Everything standard is read from the standard OTEL_* variables.
import { randomFillSync } from "node:crypto";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import { type Tracer as OtelApiTracer, ROOT_CONTEXT } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Secret } from "../contract/secret.ts";
import { SCOPE_NAME } from "./api-tracer.ts";
import { noopLogger } from "./noop.ts";
import { contextUnder, OtelSpan, otelKind, runWithin } from "./otel-span.ts";
import type { Logger, Tracer } from "./port.ts";
import { ReportingExporter } from "./reporting-exporter.ts";
import { chooseSampler, isSampled, type Sampler } from "./sampler.ts";
import { TraceIdSource } from "./trace-context.ts";

export interface OtelTracerOptions {
  /** `service.name` of the spans; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over it. */
  readonly serviceName: string;
  readonly serviceVersion?: string | undefined;
  readonly instance?: string | undefined;
  /** Further resource attributes. */
  readonly resource?: Readonly<Record<string, string>> | undefined;
  /** Base URL of the receiver; `v1/traces` is added. Default OTEL_EXPORTER_OTLP_ENDPOINT, then http://localhost:4318. */
  readonly endpoint?: string | undefined;
  /** Sent with every export, besides OTEL_EXPORTER_OTLP_HEADERS. */
  readonly headers?: Readonly<Record<string, string | Secret>> | undefined;
  /** Share of new traces that are recorded, 0 to 1. Default OTEL_TRACES_SAMPLER and its argument, then 1. */
  readonly sampleRatio?: number | undefined;
  /** Told, at most once a minute, that spans were lost. Default: nobody. */
  readonly log?: Logger | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Random bytes for ids. Default `crypto.randomFillSync`. */
  readonly fillRandom?: ((pool: Uint8Array) => void) | undefined;
  /** Where spans go instead of OTLP over HTTP. */
  readonly exporter?: SpanExporter | undefined;
}

export interface OtelTracer extends Tracer {
  /** Sends what has ended so far. Resolves after `timeoutMs` at the latest and never rejects. Default 2 s. */
  flush(timeoutMs?: number): Promise<void>;
  /** Flushes, then stops for good. Resolves after `timeoutMs` at the latest and never rejects. Default 2 s. */
  shutdown(timeoutMs?: number): Promise<void>;
}

/** Ten MiB of a process that most have no use for: loaded with the first tracer. */
function loadSdk() {
  const require = createRequire(import.meta.url);
  return {
    ...(require("@opentelemetry/exporter-trace-otlp-http") as typeof import("@opentelemetry/exporter-trace-otlp-http")),
    ...(require("@opentelemetry/resources") as typeof import("@opentelemetry/resources")),
    ...(require("@opentelemetry/sdk-trace-base") as typeof import("@opentelemetry/sdk-trace-base")),
  };
}

type Sdk = ReturnType<typeof loadSdk>;

const FLUSH_TIMEOUT_MS = 2000;
const TRACES_PATH = "v1/traces";
const PROTOCOL = "http/json";

/**
 * Whether the environment asks for spans: an OTLP endpoint is named, and neither OTEL_SDK_DISABLED nor
 * OTEL_TRACES_EXPORTER=none speaks against it.
 */
export function wantsTracing(env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true") return false;
  if (env.OTEL_TRACES_EXPORTER?.trim() === "none") return false;
  return Boolean(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?.trim() || env.OTEL_EXPORTER_OTLP_ENDPOINT?.trim());
}

/**
 * A tracer that exports by OTLP over HTTP as JSON, in batches beside the calls: a receiver that is slow or gone costs
 * spans, never calls. Throws on an endpoint that is no URL or a ratio outside 0 to 1.
 */
export function createOtelTracer(options: OtelTracerOptions): OtelTracer {
  const env = options.env ?? process.env;
  const log = options.log ?? noopLogger;
  const sampler = chooseSampler(options.sampleRatio, env, (problem) => log.warn({}, problem));
  const fill = options.fillRandom ?? ((pool: Uint8Array) => void randomFillSync(pool));
  // Two sources: OpenTelemetry draws the span's id first, and the decision was made on the trace id that comes next.
  const traceIds = new TraceIdSource(fill);
  const spanIds = new TraceIdSource(fill);
  const sdk = loadSdk();
  const exporter = new ReportingExporter(options.exporter ?? createExporter(sdk, options, env, log), log, () =>
    performance.now(),
  );
  const provider = new sdk.BasicTracerProvider({
    // Undecided traces never come here; the decision is ours.
    sampler: new sdk.AlwaysOnSampler(),
    idGenerator: { generateTraceId: () => traceIds.traceId(), generateSpanId: () => spanIds.spanId() },
    resource: describe(sdk, options),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter)],
  });
  return {
    ...recordingTracer(provider.getTracer(SCOPE_NAME), sampler, traceIds),
    flush: (timeoutMs = FLUSH_TIMEOUT_MS) => within(timeoutMs, () => provider.forceFlush()),
    shutdown: (timeoutMs = FLUSH_TIMEOUT_MS) => within(timeoutMs, () => provider.shutdown()),
  };
}

function recordingTracer(inner: OtelApiTracer, sampler: Sampler, ids: TraceIdSource): Tracer {
  return {
    startSpan(name, kind, parent, attributes) {
      if (!isSampled(sampler, parent, ids)) return undefined;
      const under = parent === undefined ? ROOT_CONTEXT : contextUnder(ROOT_CONTEXT, parent, kind);
      const span = inner.startSpan(name, { kind: otelKind[kind], attributes }, under);
      return new OtelSpan(span, kind, parent === undefined || parent.random === true);
    },
    unsampledRoot: () => ({ traceId: ids.traceId(), spanId: ids.spanId(), sampled: false, random: true }),
    within: runWithin,
  };
}

function describe(
  { resourceFromAttributes, defaultResource, detectResources, envDetector }: Sdk,
  options: OtelTracerOptions,
): Resource {
  const own = resourceFromAttributes({
    "service.name": options.serviceName,
    ...(options.serviceVersion === undefined ? {} : { "service.version": options.serviceVersion }),
    ...(options.instance === undefined ? {} : { "service.instance.id": options.instance }),
    ...options.resource,
  });
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
}

function createExporter(
  { OTLPTraceExporter }: Sdk,
  options: OtelTracerOptions,
  env: NodeJS.ProcessEnv,
  log: Logger,
): SpanExporter {
  const asked = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL?.trim() || env.OTEL_EXPORTER_OTLP_PROTOCOL?.trim();
  if (asked && asked !== PROTOCOL)
    log.warn({ asked }, `OTEL_EXPORTER_OTLP_PROTOCOL: spans are sent as ${PROTOCOL} only`);
  return new OTLPTraceExporter({
    ...(options.endpoint === undefined ? {} : { url: tracesUrl(options.endpoint) }),
    ...(options.headers === undefined ? {} : { headers: plainHeaders(options.headers) }),
  });
}

/** The URL spans are posted to. An endpoint that names the path already is taken as it is. */
function tracesUrl(endpoint: string): string {
  if (!URL.canParse(endpoint)) throw new TypeError("OTLP endpoint: a URL such as http://localhost:4318 is expected");
  const url = new URL(endpoint);
  if (!url.pathname.endsWith(`/${TRACES_PATH}`)) url.pathname = `${url.pathname.replace(/\/$/, "")}/${TRACES_PATH}`;
  return url.href;
}

function plainHeaders(headers: Readonly<Record<string, string | Secret>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === "string" ? value : value.reveal(),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Waits for `work`, but no longer than `timeoutMs`; what it throws is the exporter's to report. */
async function within(timeoutMs: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  try {
    await Promise.race([work(), timeout]);
  } catch {
    // ReportingExporter has told the log.
  } finally {
    clearTimeout(timer);
  }
}
