// What operators see is what their tools expect: promtool takes the metrics, and an OTLP receiver gets one joined trace.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Mesh, MeshError } from "@malla/sdk";
import { createOtelTracer, createTelemetry, type OtelTracer, type Telemetry } from "@malla/sdk/telemetry";
import {
  eventually,
  OtlpReceiver,
  type ReceivedSpan,
  rejection,
  startMesh,
  type TestMesh,
  type TestRouter,
} from "../harness/index.ts";
import { findPromtool, runTool, ToolMissing } from "./tools/index.ts";

/** Spans of a router leave in batches, every five seconds at the latest. */
const BATCH_MS = 8_000;

let mesh: TestMesh;
let router: TestRouter;
let receiver: OtlpReceiver;
let caller: Mesh;
const tracers: OtelTracer[] = [];

function telemetryOf(serviceName: string): Telemetry {
  const tracer = createOtelTracer({ serviceName, endpoint: receiver.endpoint, sampleRatio: 1 });
  tracers.push(tracer);
  return createTelemetry({ tracer });
}

before(async () => {
  receiver = await OtlpReceiver.start();
  mesh = await startMesh({ otlpEndpoint: receiver.endpoint, traceRatio: 1 });
  router = mesh.routers[0] as TestRouter;
  let failures = 1;
  for (let n = 0; n < 2; n++) {
    await mesh.service(
      "payments",
      {
        charge: () => "charged",
        flaky: () => {
          if (failures-- > 0) throw new MeshError({ status: "UNAVAILABLE", message: "injected" });
          return "at last";
        },
        broken: () => {
          throw new Error("broken");
        },
      },
      { telemetry: telemetryOf("payments"), version: "1.0.0" },
    );
  }
  const orders: Mesh = await mesh.service(
    "orders",
    {
      create: async () => await orders.call("payments", "charge", {}),
      retry: async () => await orders.call("payments", "flaky", {}),
    },
    { telemetry: telemetryOf("orders"), version: "2.1.0" },
  );
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: payments }
spec: { service: payments, idempotentMethods: [flaky], retries: { attempts: 2, on: [unavailable], backoff: { fixed: { delayMs: 5 } }, budget: { percent: 100, minPerSecond: 100 } } }
---
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: closed }
spec: { service: orders, action: allow, rules: [{ principals: [storefront] }] }
`);
  caller = await mesh.caller("storefront", { telemetry: telemetryOf("storefront") });
});

after(async () => {
  await Promise.all(tracers.map(async (tracer) => await tracer.shutdown()));
  const problems = await Promise.allSettled([mesh?.stop()]);
  await receiver?.stop();
  for (const problem of problems) if (problem.status === "rejected") throw problem.reason;
});

async function makeTraffic(): Promise<void> {
  const stranger = await mesh.caller("stranger");
  for (let n = 0; n < 20; n++) await caller.call("orders", "create", {});
  await rejection(caller.call("payments", "broken", {}));
  for (let n = 0; n < 3; n++) await rejection(stranger.call("orders", "create", {}));
  for (let n = 0; n < 30; n++) await rejection(caller.call("orders", `madeUp${n}`, {}));
  for (let n = 0; n < 30; n++) await rejection(caller.call(`nobody-${n}`, "x", {}));
}

test("the metrics of a router that carried all sorts of calls pass promtool", async (context) => {
  await makeTraffic();
  const text = await mesh.metrics(router);
  let promtool: string;
  try {
    promtool = await findPromtool();
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    return context.skip(error.message);
  }
  const { code, stdout, stderr } = await runTool(promtool, ["check", "metrics"], { input: text });
  assert.equal(`${stdout}${stderr}`, "");
  assert.equal(code, 0);
  // The judge does judge.
  const wrong = await runTool(promtool, ["check", "metrics"], { input: "# TYPE mesh_wrong counter\nmesh_wrong 1\n" });
  assert.notEqual(wrong.code, 0);
});

test("the metrics count what happened", async () => {
  const count = async (labels: Record<string, string>): Promise<number> =>
    await mesh.metric(router, "mesh_requests_total", { reporter: "router", ...labels });
  assert.equal(
    await count({ caller: "storefront", service: "orders", method: "create", code: "OK", version: "2.1.0" }),
    20,
  );
  assert.equal(
    await count({ caller: "orders", service: "payments", method: "charge", code: "OK", version: "1.0.0" }),
    20,
  );
  assert.equal(await count({ service: "payments", method: "broken", code: "UNKNOWN", reason: "handler" }), 1);
  assert.equal(await count({ caller: "stranger", service: "orders", code: "PERMISSION_DENIED", reason: "denied" }), 3);
  assert.equal(await mesh.metric(router, "mesh_attempts_total", { service: "orders", method: "create" }), 20);
  assert.equal(
    await mesh.metric(router, "mesh_request_duration_seconds_count", {
      service: "orders",
      method: "create",
      code: "OK",
    }),
    20,
  );
  assert.equal(await mesh.metric(router, "mesh_requests_in_flight"), 0);
  assert.equal(await mesh.metric(router, "mesh_config_revision"), 1);
});

test("names that callers make up never become labels", async () => {
  assert.equal(
    await mesh.metric(router, "mesh_requests_total", { service: "orders", method: "_OTHER", reason: "no-method" }),
    30,
  );
  assert.equal(await mesh.metric(router, "mesh_requests_total", { service: "_OTHER", reason: "no-service" }), 30);
  assert.doesNotMatch(await mesh.metrics(router), /madeUp|nobody-/);
});

/** All spans of the trace that begins with this call, when as many as expected are there. */
async function traceOf(call: () => Promise<unknown>, expected: number): Promise<readonly ReceivedSpan[]> {
  const known = new Set(receiver.spans.map(({ traceId }) => traceId));
  await call();
  return await eventually(
    async () => {
      await Promise.all(tracers.map(async (tracer) => await tracer.flush()));
      const root = receiver.spans.find(
        ({ traceId, parentSpanId, service }) =>
          !known.has(traceId) && parentSpanId === undefined && service === "storefront",
      );
      assert.ok(root, "no root span came");
      const spans = receiver.trace(root.traceId);
      assert.equal(
        spans.length,
        expected,
        spans.map(({ service, kind, name }) => `${service} ${kind} ${name}`).join("\n"),
      );
      return spans;
    },
    { withinMs: BATCH_MS, everyMs: 100 },
  );
}

/** From the root down: at each step the only child that fits. */
function follow(
  spans: readonly ReceivedSpan[],
  steps: readonly (readonly [string, ReceivedSpan["kind"], string])[],
): readonly ReceivedSpan[] {
  let parent: string | undefined;
  return steps.map(([service, kind, name]) => {
    const fitting = spans.filter(
      (span) => span.parentSpanId === parent && span.service === service && span.kind === kind && span.name === name,
    );
    assert.equal(fitting.length, 1, `${service} ${kind} ${name} under ${parent}`);
    const [span] = fitting as [ReceivedSpan];
    parent = span.spanId;
    return span;
  });
}

test("a nested call is one trace: client, router, attempt, instance, and again below", async () => {
  const spans = await traceOf(async () => await caller.call("orders", "create", {}), 8);
  const path = follow(spans, [
    ["storefront", "client", "orders/create"],
    ["malla-router", "server", "orders/create"],
    ["malla-router", "client", "orders/create"],
    ["orders", "server", "orders/create"],
    ["orders", "client", "payments/charge"],
    ["malla-router", "server", "payments/charge"],
    ["malla-router", "client", "payments/charge"],
    ["payments", "server", "payments/charge"],
  ]);
  for (const [i, span] of path.entries()) {
    assert.equal(span.isError, false);
    assert.equal(span.attributes["rpc.system.name"], "malla");
    assert.equal(span.attributes["rpc.method"], span.name);
    assert.ok(span.endedAtNs >= span.startedAtNs);
    const above = path[i - 1];
    if (above !== undefined)
      assert.ok(
        span.startedAtNs >= above.startedAtNs - 2_000_000n && span.endedAtNs <= above.endedAtNs + 2_000_000n,
        `${span.service} ${span.name} lies outside its parent`,
      );
  }
});

test("each attempt of a call that was tried again has a span of its own, and only what failed is an error", async () => {
  const spans = await traceOf(async () => assert.equal(await caller.call("orders", "retry", {}), "at last"), 10);
  const [routed] = spans.filter(
    ({ service, kind, name }) => service === "malla-router" && kind === "server" && name === "payments/flaky",
  );
  assert.ok(routed);
  const attempts = spans
    .filter(({ parentSpanId }) => parentSpanId === routed.spanId)
    .sort((a, b) => Number(a.startedAtNs - b.startedAtNs));
  assert.deepEqual(
    attempts.map(({ kind, isError, attributes }) => [kind, isError, attributes["malla.attempt"]]),
    [
      ["client", true, 1],
      ["client", false, 2],
    ],
  );
  assert.notEqual(attempts[0]?.attributes["malla.instance"], attempts[1]?.attributes["malla.instance"]);
  assert.equal(routed.isError, false);
  const servers = spans.filter(({ service }) => service === "payments");
  assert.deepEqual(
    new Set(servers.map(({ parentSpanId }) => parentSpanId)),
    new Set(attempts.map(({ spanId }) => spanId)),
  );
});

test("a call that is refused has its reason on the spans of caller and router, and none below", async () => {
  const spans = await traceOf(async () => await rejection(caller.call("payments", "nonsense", {})), 2);
  const path = follow(spans, [
    ["storefront", "client", "payments/nonsense"],
    ["malla-router", "server", "payments/nonsense"],
  ]);
  for (const { isError, attributes } of path) {
    assert.equal(isError, true);
    assert.equal(attributes["malla.reason"], "no-method");
    assert.equal(attributes["rpc.status_code"], "UNIMPLEMENTED");
  }
});
