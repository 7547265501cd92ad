import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, test } from "node:test";
import { type Context, type ContextManager, context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { apiTracer } from "./api-tracer.ts";

afterEach(() => {
  trace.disable();
  context.disable();
});

/** What an application's OpenTelemetry brings; the SDK's own is in a package of its own. */
function contextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, body, self, ...args) => storage.run(active, () => body.call(self, ...args)),
    bind: (_active, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}

function register(options: { sampled?: boolean } = {}) {
  const exporter = new InMemorySpanExporter();
  const sampler = options.sampled === false ? { sampler: new AlwaysOffSampler() } : {};
  const provider = new BasicTracerProvider({ ...sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(contextManager());
  return exporter;
}

test("without a provider there is no tracer", () => {
  assert.equal(apiTracer(), undefined);
  trace.getTracer("somebody asked for one before");
  assert.equal(apiTracer(), undefined);
});

test("with one, spans go to it, under the parent given or the span that is active", () => {
  const exporter = register();
  const tracer = apiTracer();
  assert.ok(tracer);
  const parent = { traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true, random: true };
  const under = tracer.startSpan("catalog/get", "server", parent, { "rpc.method": "catalog/get" });
  assert.ok(under);
  assert.equal(under.context.traceId, parent.traceId);
  assert.equal(under.context.random, true);
  under.end("OK", "");
  const [finished] = exporter.getFinishedSpans();
  assert.equal(finished?.parentSpanContext?.spanId, parent.spanId);
  assert.equal(finished?.attributes["rpc.method"], "catalog/get");

  trace.getTracer("app").startActiveSpan("request", (app) => {
    const nested = tracer.startSpan("catalog/get", "client", undefined, {});
    assert.equal(nested?.context.traceId, app.spanContext().traceId);
    app.end();
  });
});

test("within makes the application's own spans children of the mesh's", () => {
  register();
  const tracer = apiTracer();
  const span = tracer?.startSpan("catalog/get", "server", undefined, {});
  assert.ok(tracer?.within && span);
  const inner = tracer.within(span, () => trace.getTracer("app").startSpan("query"));
  assert.equal(inner.spanContext().traceId, span.context.traceId);
  assert.equal(
    tracer.within({ ...span, context: span.context }, () => 7),
    7,
  );
});

test("what the provider does not record is no span; the active trace is told on as unsampled", () => {
  register({ sampled: false });
  const tracer = apiTracer();
  assert.ok(tracer);
  assert.equal(tracer.startSpan("catalog/get", "client", undefined, {}), undefined);
  const lone = tracer.unsampledRoot();
  assert.match(lone.traceId, /^[0-9a-f]{32}$/);
  assert.equal(lone.sampled, false);
  trace.getTracer("app").startActiveSpan("request", (app) => {
    assert.equal(tracer.unsampledRoot().traceId, app.spanContext().traceId);
  });
});
