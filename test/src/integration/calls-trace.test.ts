// Trace context and baggage pass through the whole path without anybody passing them by hand.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallContext, Mesh } from "@malla/sdk";
import { callSubject, encodeHeaderBlock, header, inboxSubject, MESH_SERVICE } from "@malla/sdk/contract";
import { createOtelTracer, createTelemetry, type OtelTracer, type OtelTracerOptions } from "@malla/sdk/telemetry";
import { startMesh, TEST_WAY, type TestMesh } from "../harness/index.ts";

let mesh: TestMesh;
const tracers: OtelTracer[] = [];
const baggage: Record<string, string | undefined> = {};

type Exporter = NonNullable<OtelTracerOptions["exporter"]>;
type ReadableSpan = Parameters<Exporter["export"]>[0][number];
const spans: ReadableSpan[] = [];
const exporter: Exporter = {
  export: (batch, done) => {
    // What an SDK asks the mesh for itself is no part of anybody's call.
    spans.push(...batch.filter(({ name }) => !name.startsWith(`${MESH_SERVICE}/`)));
    done({ code: 0 });
  },
  shutdown: async () => undefined,
};

function telemetryOf(serviceName: string): ReturnType<typeof createTelemetry> {
  const tracer = createOtelTracer({ serviceName, exporter, sampleRatio: 1 });
  tracers.push(tracer);
  return createTelemetry({ tracer });
}

before(async () => {
  mesh = await startMesh({ serves: ["inner", "dark", "outer"] });
  const inner = {
    work: (_: unknown, { headers }: CallContext) => {
      baggage.inner = headers.get("baggage");
    },
  };
  await mesh.service("inner", inner, { telemetry: telemetryOf("inner") });
  // Without a tracer of its own: what came in must go on all the same.
  const dark: Mesh = await mesh.service("dark", {
    work: async () => {
      await sleep(5);
      return await dark.call("inner", "work", {});
    },
  });
  const outer: Mesh = await mesh.service(
    "outer",
    {
      work: async (_: unknown, { headers }: CallContext) => {
        baggage.outer = headers.get("baggage");
        await Promise.all([outer.call("inner", "work", {}), outer.call("dark", "work", {})]);
      },
    },
    { telemetry: telemetryOf("outer") },
  );
});

after(async () => {
  await Promise.all(tracers.map(async (tracer) => await tracer.shutdown()));
  await mesh?.stop();
});

function named(name: string, service: string): readonly ReadableSpan[] {
  return spans.filter((span) => span.name === name && span.resource.attributes["service.name"] === service);
}

/** The span of the call that a server span or a nested call was made for: between them stands the attempt's, where its sender traces. */
function parentCallOf(span: ReadableSpan | undefined): string | undefined {
  const parentId = span?.parentSpanContext?.spanId;
  const attempt = spans.find((one) => one.spanContext().spanId === parentId && "malla.attempt" in one.attributes);
  return attempt === undefined ? parentId : attempt.parentSpanContext?.spanId;
}

/** Calls of a process, without the spans of their attempts. */
function callsNamed(name: string, service: string): readonly ReadableSpan[] {
  return named(name, service).filter(({ attributes }) => !("malla.attempt" in attributes));
}

test("one trace goes through router, instance and nested calls, with baggage", async () => {
  const caller = await mesh.caller("asker", { telemetry: telemetryOf("asker") });
  await caller.call("outer", "work", {}, { headers: { baggage: "tenant=blue,colour=%C5%BElut%C3%A1" } });
  await Promise.all(tracers.map(async (tracer) => await tracer.flush()));
  const [root] = callsNamed("outer/work", "asker");
  assert.ok(root);
  assert.equal(root.attributes["malla.way"], TEST_WAY);
  const { traceId } = root.spanContext();
  assert.deepEqual([...new Set(spans.map((span) => span.spanContext().traceId))], [traceId]);
  const [server] = named("outer/work", "outer");
  assert.equal(parentCallOf(server), root.spanContext().spanId);
  const nested = ["inner/work", "dark/work"].map((name) => callsNamed(name, "outer")[0]);
  for (const span of nested) assert.equal(span?.parentSpanContext?.spanId, server?.spanContext().spanId);
  const parents = named("inner/work", "inner").map(parentCallOf);
  assert.deepEqual(new Set(parents), new Set(nested.map((span) => span?.spanContext().spanId)));
  assert.deepEqual(
    [baggage.outer, baggage.inner],
    ["tenant=blue,colour=%C5%BElut%C3%A1", "tenant=blue,colour=%C5%BElut%C3%A1"],
  );
});

test("an unsampled trace stays unsampled, and keeps its id", async () => {
  spans.length = 0;
  const guest = await mesh.raw("visitor", "guest");
  const inbox = inboxSubject("visitor", "x", "1");
  const seen = new Promise<void>((resolve) => {
    guest.subscribe(inbox, () => resolve());
  });
  await guest.flush();
  const headers = encodeHeaderBlock([header.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"]);
  guest.publish(callSubject("visitor", "outer", "work"), Buffer.from("{}"), inbox, headers);
  await seen;
  await Promise.all(tracers.map(async (tracer) => await tracer.flush()));
  assert.equal(spans.length, 0);
});

test("two calls at once do not mix their traces", async () => {
  spans.length = 0;
  const caller = await mesh.caller("asker", { telemetry: telemetryOf("asker") });
  await Promise.all(Array.from({ length: 20 }, async () => await caller.call("outer", "work", {})));
  await Promise.all(tracers.map(async (tracer) => await tracer.flush()));
  const roots = callsNamed("outer/work", "asker");
  assert.equal(roots.length, 20);
  assert.equal(new Set(roots.map((span) => span.spanContext().traceId)).size, 20);
  for (const root of roots) {
    const of = spans.filter((span) => span.spanContext().traceId === root.spanContext().traceId);
    // Caller and outer's server, two nested clients, dark's own nested call seen by inner, inner's server.
    const attempts = TEST_WAY === "direct" ? 3 : 0;
    assert.equal(
      of.length,
      6 + attempts,
      of.map((span) => `${span.resource.attributes["service.name"]}:${span.name}`).join(" "),
    );
  }
});
