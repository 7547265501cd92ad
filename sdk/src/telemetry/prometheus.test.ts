import assert from "node:assert/strict";
import { test } from "node:test";
import { Gauge, Registry } from "prom-client";
import { metricsCatalogue } from "./metrics-catalogue.ts";
import type { CallRecord } from "./port.ts";
import { createPrometheus, type PrometheusOptions } from "./prometheus.ts";

const call: CallRecord = {
  reporter: "router",
  caller: "cart",
  service: "catalog",
  method: "list",
  version: "1.0.0",
  code: "OK",
  reason: "",
  durationMs: 3,
  attempts: 1,
};

function create(options: PrometheusOptions = {}) {
  const clock = { nowMs: 0 };
  return { clock, prometheus: createPrometheus({ processMetrics: false, nowMs: () => clock.nowMs, ...options }) };
}

/** Samples of the text format by name and labels. */
async function samples(prometheus: { metrics(): Promise<string> }): Promise<Map<string, number>> {
  const lines = (await prometheus.metrics()).split("\n").filter((line) => line.length > 0 && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}

const labels = (record: CallRecord) =>
  `reporter="${record.reporter}",caller="${record.caller}",service="${record.service}",method="${record.method}",version="${record.version}",code="${record.code}",reason="${record.reason}"`;

test("a call is counted with its duration in seconds, in its bucket and all above", async () => {
  const { prometheus } = create();
  for (const durationMs of [3, 5, 5.001, 30_000]) prometheus.callEnded({ ...call, durationMs });
  prometheus.callEnded({ ...call, code: "UNAVAILABLE", reason: "gone" });
  const got = await samples(prometheus);
  assert.equal(got.get(`mesh_requests_total{${labels(call)}}`), 4);
  assert.equal(got.get(`mesh_requests_total{${labels({ ...call, code: "UNAVAILABLE", reason: "gone" })}}`), 1);
  const bucket = (le: string) => got.get(`mesh_request_duration_seconds_bucket{le="${le}",${labels(call)}}`);
  assert.deepEqual([bucket("0.005"), bucket("0.01"), bucket("10"), bucket("+Inf")], [2, 3, 3, 4]);
  assert.equal(got.get(`mesh_request_duration_seconds_count{${labels(call)}}`), 4);
  assert.equal(got.get(`mesh_request_duration_seconds_sum{${labels(call)}}`), 30.013001);
});

test("a clock that goes back or breaks spoils no sum", async () => {
  const { prometheus } = create();
  for (const durationMs of [-5, Number.NaN, 1000]) prometheus.callEnded({ ...call, durationMs });
  const got = await samples(prometheus);
  assert.equal(got.get(`mesh_request_duration_seconds_sum{${labels(call)}}`), 1);
  assert.equal(got.get(`mesh_request_duration_seconds_bucket{le="0.005",${labels(call)}}`), 2);
});

test("every other observation lands in its metric", async () => {
  const { prometheus } = create({ prefixLabels: { router: "router-1" } });
  prometheus.callStarted("router", "catalog");
  prometheus.callStarted("router", "catalog");
  prometheus.callEnded(call);
  prometheus.attemptEnded({ ...call, instance: "a", code: "UNAVAILABLE", reason: "not-started", durationMs: 2 });
  prometheus.retried("catalog", "not-started");
  prometheus.rejected("authorize", "denied");
  prometheus.framesMoved("caller", "catalog", "sent", 3, 40_000);
  prometheus.framesMoved("caller", "catalog", "sent", 1, 2_000);
  prometheus.breakerChanged("catalog", "a", "open");
  prometheus.breakerChanged("catalog", "a", "half-open");
  prometheus.configRevision(41);
  prometheus.configRevision(42);
  const got = await samples(prometheus);
  const want = {
    'mesh_requests_in_flight{router="router-1",reporter="router",service="catalog"}': 1,
    'mesh_attempts_total{router="router-1",caller="cart",service="catalog",method="list",version="1.0.0",code="UNAVAILABLE",reason="not-started"}': 1,
    'mesh_attempt_duration_seconds_sum{router="router-1",caller="cart",service="catalog",method="list",version="1.0.0",code="UNAVAILABLE",reason="not-started"}': 0.002,
    'mesh_retries_total{router="router-1",service="catalog",reason="not-started"}': 1,
    'mesh_rejected_total{router="router-1",stage="authorize",reason="denied"}': 1,
    'mesh_frames_total{router="router-1",reporter="caller",service="catalog",direction="sent"}': 4,
    'mesh_frame_bytes_total{router="router-1",reporter="caller",service="catalog",direction="sent"}': 42_000,
    'mesh_breaker_state{router="router-1",service="catalog",instance="a"}': 1,
    'mesh_breaker_changes_total{router="router-1",service="catalog",state="open"}': 1,
    'mesh_breaker_changes_total{router="router-1",service="catalog",state="half-open"}': 1,
    'mesh_config_revision{router="router-1"}': 42,
  };
  for (const [name, value] of Object.entries(want)) assert.equal(got.get(name), value, name);
});

test("every metric of the catalogue has its help and type in the text", async () => {
  const text = await create().prometheus.metrics();
  // Told by the supervisor of a router's workers, which has no calls of its own.
  const { routerWorkers: _workers, routerWorkerRestarts: _restarts, ...own } = metricsCatalogue;
  for (const row of Object.values(own)) {
    assert.ok(text.includes(`# HELP ${row.name} ${row.help}\n# TYPE ${row.name} ${row.type}\n`), row.name);
  }
});

test("label sets past the cap are counted under _OTHER and told", async () => {
  const { prometheus } = create({ maxSeries: 2 });
  for (let i = 0; i < 50; i++) prometheus.callEnded({ ...call, method: `m${i}` });
  prometheus.callEnded({ ...call, method: "m49", code: "INTERNAL", reason: "internal" });
  const got = await samples(prometheus);
  const other = { ...call, caller: "_OTHER", service: "_OTHER", method: "_OTHER", version: "_OTHER" };
  assert.equal(got.get(`mesh_requests_total{${labels(other)}}`), 48);
  assert.equal(got.get(`mesh_requests_total{${labels({ ...other, code: "INTERNAL", reason: "internal" })}}`), 1);
  assert.equal([...got.keys()].filter((name) => name.startsWith("mesh_requests_total")).length, 4);
  assert.equal(got.get('mesh_series_overflow_total{metric="mesh_requests_total"}'), 49);
});

test("in-flight ends where it began, even if the table filled up in between", async () => {
  const { prometheus, clock } = create({ maxSeries: 1, idleMs: 1000 });
  prometheus.callStarted("router", "a");
  prometheus.callStarted("router", "b");
  prometheus.callEnded({ ...call, service: "a" });
  await samples(prometheus);
  clock.nowMs = 2000;
  await samples(prometheus);
  prometheus.callStarted("router", "b");
  prometheus.callEnded({ ...call, service: "b" });
  prometheus.callEnded({ ...call, service: "b" });
  prometheus.callEnded({ ...call, service: "b" });
  const got = await samples(prometheus);
  const inFlight = [...got].filter(([name]) => name.startsWith("mesh_requests_in_flight"));
  assert.ok(inFlight.length > 0);
  for (const [name, value] of inFlight) assert.equal(value, 0, name);
});

test("idle label sets leave the text, calls in flight and the revision do not", async () => {
  const { prometheus, clock } = create({ idleMs: 1000 });
  prometheus.callStarted("router", "slow");
  prometheus.callStarted("router", "catalog");
  prometheus.callEnded(call);
  prometheus.configRevision(1);
  await samples(prometheus);
  clock.nowMs = 1000;
  const got = await samples(prometheus);
  assert.deepEqual(
    [...got.keys()],
    ['mesh_requests_in_flight{reporter="router",service="slow"}', "mesh_config_revision"],
  );
});

test("an application's registry carries both, its JSON too", async () => {
  const registry = new Registry();
  new Gauge({ name: "app_things", help: "Things.", registers: [registry] }).set(3);
  const { prometheus } = create({ registry });
  prometheus.callEnded(call);
  const got = await samples(prometheus);
  assert.equal(got.get("app_things"), 3);
  const json = await registry.getMetricsAsJSON();
  const requests = json.find((metric) => metric.name === "mesh_requests_total");
  assert.deepEqual(requests?.values, [
    {
      value: 1,
      labels: {
        reporter: "router",
        caller: "cart",
        service: "catalog",
        method: "list",
        version: "1.0.0",
        code: "OK",
        reason: "",
      },
    },
  ]);
  assert.throws(() => create({ registry }), /already been registered/);
});

test("process metrics come once, with the labels, and without misnamed gauges", async () => {
  const registry = new Registry();
  const prometheus = createPrometheus({ registry, prefixLabels: { router: "router-1" } });
  const text = await prometheus.metrics();
  assert.match(text, /nodejs_eventloop_lag_p99_seconds\{router="router-1"\}/);
  assert.match(text, /process_cpu_seconds_total\{router="router-1"\}/);
  assert.doesNotMatch(text, /TYPE \S+_total gauge/);
});
