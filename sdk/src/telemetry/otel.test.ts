import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { SamplingDecision, type SpanExporter, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace-base";
import { Secret } from "../contract/secret.ts";
import { noopLogger } from "./noop.ts";
import { createOtelTracer, type OtelTracer, type OtelTracerOptions, wantsTracing } from "./otel.ts";
import type { Logger, Span, TraceContext } from "./port.ts";
import { rpcSpan } from "./rpc-semantics.ts";
import { formatTraceparent, parseTraceparent } from "./trace-context.ts";

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number };
}

/** A span as OTLP's JSON has it. */
interface Received {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly traceState?: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly { readonly name: string }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly Received[] }[];
  }[];
}

let server: Server;
let endpoint = "";
const spans: Received[] = [];
const resources: Record<string, string>[] = [];
const requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
let answer: "ok" | "refuse" | "hang" = "ok";

before(async () => {
  server = createServer(async (request, response) => {
    requests.push({ path: request.url ?? "", headers: request.headers });
    let body = "";
    for await (const chunk of request) body += String(chunk);
    if (answer === "hang") return;
    if (answer === "refuse") return response.writeHead(400).end();
    for (const { resource, scopeSpans } of (JSON.parse(body) as ExportRequest).resourceSpans) {
      resources.push(plain(resource.attributes));
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    return response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  for (const list of [spans, resources, requests]) list.length = 0;
  answer = "ok";
});

function plain(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(value.stringValue ?? value.intValue)]));
}

/** A small generator with a seed (mulberry32), as a source of bytes. */
function seeded(seed: number): (pool: Uint8Array) => void {
  let state = seed;
  return (pool) => {
    for (let i = 0; i < pool.length; i++) {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      pool[i] = (t ^ (t >>> 14)) & 0xff;
    }
  };
}

function tracerFor(serviceName: string, options: Partial<OtelTracerOptions> = {}): OtelTracer {
  return createOtelTracer({ serviceName, endpoint, env: {}, ...options });
}

function mustStart(span: Span | undefined): Span {
  assert.ok(span);
  return span;
}

/** Across a process border, as the wire does it. */
function overTheWire(context: TraceContext): TraceContext {
  const parsed = parseTraceparent(formatTraceparent(context), context.tracestate);
  assert.ok(parsed);
  return parsed;
}

test("a call, its attempts and the instance arrive at a receiver as one joined trace", async () => {
  const caller = tracerFor("cart");
  const router = tracerFor("router");
  const instance = tracerFor("payments", {
    serviceVersion: "1.4.0",
    instance: "p1",
    resource: { "deployment.environment.name": "test" },
  });
  const { name, attributes } = rpcSpan("payments", "Charge");
  const call = mustStart(caller.startSpan(name, "client", undefined, attributes));
  const first = mustStart(
    router.startSpan(name, "client", overTheWire(call.context), { ...attributes, "malla.attempt": 1 }),
  );
  first.end("UNAVAILABLE", "not-started");
  const second = mustStart(router.startSpan(name, "client", overTheWire(call.context), attributes));
  const run = mustStart(instance.startSpan(name, "server", overTheWire(second.context), attributes));
  run.setAttribute("malla.caller", "cart");
  run.addEvent("charged", { cents: 500 });
  run.end("OK", "");
  second.end("OK", "");
  call.end("OK", "");
  await Promise.all([caller, router, instance].map((tracer) => tracer.shutdown()));

  assert.equal(spans.length, 4);
  assert.deepEqual(new Set(spans.map((span) => span.traceId)), new Set([call.context.traceId]));
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const parentOf = (span: Span) => byId.get(span.context.spanId)?.parentSpanId;
  assert.equal(parentOf(call) ?? "", "");
  assert.equal(parentOf(first), call.context.spanId);
  assert.equal(parentOf(second), call.context.spanId);
  assert.equal(parentOf(run), second.context.spanId);
  const CLIENT = 3;
  const SERVER = 2;
  assert.deepEqual(
    [call, first, run].map((span) => byId.get(span.context.spanId)?.kind),
    [CLIENT, CLIENT, SERVER],
  );
  const served = byId.get(run.context.spanId);
  assert.equal(served?.name, "payments/Charge");
  assert.deepEqual(
    served?.events.map((event) => event.name),
    ["charged"],
  );
  assert.deepEqual(plain(served?.attributes ?? []), {
    "rpc.system.name": "malla",
    "rpc.method": "payments/Charge",
    "server.address": "payments",
    "malla.caller": "cart",
    "rpc.status_code": "OK",
  });
  const failed = byId.get(first.context.spanId);
  assert.deepEqual(failed?.status, { code: 2, message: "not-started" });
  const failure = plain(failed?.attributes ?? []);
  assert.deepEqual(
    [failure["rpc.status_code"], failure["error.type"], failure["malla.reason"], failure["malla.attempt"]],
    ["UNAVAILABLE", "UNAVAILABLE", "not-started", "1"],
  );
  assert.deepEqual(
    requests.map((request) => request.path),
    ["/v1/traces", "/v1/traces", "/v1/traces"],
  );
  const described = resources.find((resource) => resource["service.name"] === "payments");
  assert.deepEqual(
    [described?.["service.version"], described?.["service.instance.id"], described?.["deployment.environment.name"]],
    ["1.4.0", "p1", "test"],
  );
});

test("a server span fails by what is the server's fault alone", async () => {
  const tracer = tracerFor("catalog");
  mustStart(tracer.startSpan("catalog/get", "server", undefined, {})).end("NOT_FOUND", "application");
  mustStart(tracer.startSpan("catalog/get", "client", undefined, {})).end("NOT_FOUND", "application");
  mustStart(tracer.startSpan("catalog/get", "server", undefined, {})).end("INTERNAL", "application");
  await tracer.shutdown();
  assert.deepEqual(
    spans.map((span) => span.status.code ?? 0),
    [0, 2, 2],
  );
  assert.deepEqual(
    spans.map((span) => plain(span.attributes)["error.type"]),
    [undefined, "NOT_FOUND", "INTERNAL"],
  );
});

test("tracestate and the random bit go through a span", async () => {
  const tracer = tracerFor("catalog");
  const parent = overTheWire({
    traceId: "a".repeat(32),
    spanId: "b".repeat(16),
    sampled: true,
    random: false,
    tracestate: "v=1,w=2",
  });
  const span = mustStart(tracer.startSpan("catalog/get", "server", parent, {}));
  assert.equal(span.context.tracestate, "v=1,w=2");
  assert.equal(span.context.random, false);
  const root = mustStart(tracer.startSpan("catalog/get", "client", undefined, {}));
  assert.equal(root.context.random, true);
  span.end("OK", "");
  await tracer.shutdown();
  assert.equal(spans[0]?.traceState, "v=1,w=2");
});

test("what the parent did not sample makes no span, and a root decided against is told on", async () => {
  const tracer = tracerFor("catalog", { sampleRatio: 0 });
  const parent = { traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: false };
  assert.equal(tracer.startSpan("catalog/get", "server", parent, {}), undefined);
  assert.ok(tracer.startSpan("catalog/get", "server", { ...parent, sampled: true }, {}));
  assert.equal(tracer.startSpan("catalog/get", "client", undefined, {}), undefined);
  const told = overTheWire(tracer.unsampledRoot());
  assert.equal(told.sampled, false);
  assert.equal(tracerFor("next").startSpan("catalog/get", "server", told, {}), undefined);
  await tracer.shutdown();
});

test("ratio sampling records the ids that OpenTelemetry's own sampler would", async () => {
  const tracer = tracerFor("catalog", { sampleRatio: 0.2, fillRandom: seeded(3) });
  const theirs = new TraceIdRatioBasedSampler(0.2);
  let recorded = 0;
  for (let i = 0; i < 5000; i++) {
    const span = tracer.startSpan("catalog/get", "client", undefined, {});
    if (span === undefined) continue;
    recorded++;
    const { decision } = theirs.shouldSample(ROOT_CONTEXT, span.context.traceId);
    assert.equal(decision, SamplingDecision.RECORD_AND_SAMPLED, span.context.traceId);
  }
  assert.ok(recorded > 850 && recorded < 1150, `${recorded} of 5000`);
  await tracer.shutdown();
});

test("headers are sent, secret ones too, and the endpoint may name its path", async () => {
  const headers = { "x-tenant": "a", authorization: new Secret("Bearer canary") };
  const tracer = tracerFor("catalog", { endpoint: `${endpoint}/otlp/v1/traces`, headers });
  mustStart(tracer.startSpan("catalog/get", "client", undefined, {})).end("OK", "");
  await tracer.shutdown();
  assert.equal(requests[0]?.path, "/otlp/v1/traces");
  assert.deepEqual([requests[0]?.headers["x-tenant"], requests[0]?.headers.authorization], ["a", "Bearer canary"]);
});

test("a wrong endpoint is told at once, without its text", () => {
  assert.throws(
    () => tracerFor("catalog", { endpoint: "canary@nowhere" }),
    (error: Error) => {
      assert.match(error.message, /OTLP endpoint: a URL such as/);
      assert.doesNotMatch(error.message, /canary/);
      return true;
    },
  );
});

function recordingLog(): { log: Logger; lines: { facts: object; message: string }[] } {
  const lines: { facts: object; message: string }[] = [];
  return { log: { ...noopLogger, warn: (facts, message) => void lines.push({ facts, message }) }, lines };
}

test("a receiver that refuses costs spans and one warning without secrets", async () => {
  answer = "refuse";
  const { log, lines } = recordingLog();
  const tracer = tracerFor("catalog", { log, headers: { authorization: new Secret("Bearer canary") } });
  for (let round = 0; round < 2; round++) {
    mustStart(tracer.startSpan("catalog/get", "client", undefined, {})).end("OK", "");
    await tracer.flush();
  }
  await tracer.shutdown();
  assert.equal(lines.length, 1);
  assert.match(lines[0]?.message ?? "", /spans could not be exported/);
  assert.match(JSON.stringify(lines[0]?.facts), /"lostSpans":1/);
  assert.doesNotMatch(JSON.stringify(lines), /canary/);
});

test("an exporter that throws stays on its side", async () => {
  const { log, lines } = recordingLog();
  const exporter: SpanExporter = {
    export: () => {
      throw new Error("broken exporter");
    },
    shutdown: () => Promise.reject(new Error("broken shutdown")),
  };
  const tracer = tracerFor("catalog", { log, exporter });
  mustStart(tracer.startSpan("catalog/get", "client", undefined, {})).end("OK", "");
  await tracer.flush();
  await tracer.shutdown();
  assert.deepEqual(
    lines.map((line) => line.facts),
    [{ lostSpans: 1, cause: "broken exporter" }],
  );
});

test("shutdown is over in the time given, even if the receiver hangs", async () => {
  answer = "hang";
  // The exporter itself gives up soon after, so that the test process can end.
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = "300";
  const tracer = tracerFor("catalog");
  delete process.env.OTEL_EXPORTER_OTLP_TIMEOUT;
  mustStart(tracer.startSpan("catalog/get", "client", undefined, {})).end("OK", "");
  const startedAtMs = performance.now();
  await tracer.shutdown(50);
  assert.ok(performance.now() - startedAtMs < 250);
});

test("OTEL_SERVICE_NAME wins over the name in code", async () => {
  process.env.OTEL_SERVICE_NAME = "renamed";
  try {
    const tracer = tracerFor("catalog");
    mustStart(tracer.startSpan("catalog/get", "client", undefined, {})).end("OK", "");
    await tracer.shutdown();
  } finally {
    delete process.env.OTEL_SERVICE_NAME;
  }
  assert.equal(resources[0]?.["service.name"], "renamed");
});

test("the environment turns tracing on and off", () => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = "http://localhost:4318";
  assert.equal(wantsTracing({}), false);
  assert.equal(wantsTracing({ OTEL_EXPORTER_OTLP_ENDPOINT }), true);
  assert.equal(wantsTracing({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: OTEL_EXPORTER_OTLP_ENDPOINT }), true);
  assert.equal(wantsTracing({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: "TRUE" }), false);
  assert.equal(wantsTracing({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: "none" }), false);
});
