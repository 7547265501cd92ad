import assert from "node:assert/strict";
import { test } from "node:test";
import { autoWorkerCount, loadRouterConfig } from "./config.ts";

test("defaults, pinned", () => {
  assert.deepEqual(loadRouterConfig({ signer: "/s" }, {}), {
    workers: 1,
    servers: ["nats://127.0.0.1:4222"],
    tls: undefined,
    signer: "/s",
    metricsHost: "127.0.0.1",
    metricsPort: 9464,
    maxInFlight: 20_000,
    maxInFlightPerPrincipal: 5_000,
    maxBytes: 256 * 1024 * 1024,
    maxBytesPerPrincipal: 64 * 1024 * 1024,
    policyCache: undefined,
    logLevel: "info",
    otlpEndpoint: undefined,
    traceRatio: 0.01,
  });
});

test("options before environment before defaults", () => {
  const environment = {
    NATS_URL: "nats://a:1, nats://b:2",
    MALLA_ROUTER_SIGNER: "/env",
    MALLA_METRICS_HOST: "0.0.0.0",
    MALLA_METRICS_PORT: "0",
    MALLA_ROUTER_MAX_IN_FLIGHT: "7",
    MALLA_ROUTER_MAX_IN_FLIGHT_PER_PRINCIPAL: "3",
    MALLA_ROUTER_MAX_BYTES: "9000000",
    MALLA_ROUTER_MAX_BYTES_PER_PRINCIPAL: "2000000",
    MALLA_POLICY_CACHE: "/cache",
    MALLA_LOG_LEVEL: "debug",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318",
    MALLA_TRACE_RATIO: "1",
    NATS_CA: "/ca.pem",
    NATS_CERT: "/cert.pem",
    NATS_KEY: "/key.pem",
  };
  const fromEnvironment = loadRouterConfig({}, environment);
  assert.deepEqual(fromEnvironment.servers, ["nats://a:1", "nats://b:2"]);
  assert.deepEqual(fromEnvironment.tls, { caFile: "/ca.pem", certFile: "/cert.pem", keyFile: "/key.pem" });
  assert.deepEqual(
    [
      fromEnvironment.signer,
      fromEnvironment.metricsPort,
      fromEnvironment.maxInFlight,
      fromEnvironment.maxInFlightPerPrincipal,
      fromEnvironment.maxBytes,
      fromEnvironment.maxBytesPerPrincipal,
      fromEnvironment.traceRatio,
    ],
    ["/env", 0, 7, 3, 9_000_000, 2_000_000, 1],
  );
  const both = loadRouterConfig({ signer: "/option", metricsPort: 1, logLevel: "error" }, environment);
  assert.deepEqual(loadRouterConfig({ tls: { caFile: "/b" } }, environment).tls, { caFile: "/b" });
  assert.deepEqual(
    [both.signer, both.metricsPort, both.logLevel, both.metricsHost],
    ["/option", 1, "error", "0.0.0.0"],
  );
});

test("workers are a number, or one a core", () => {
  const workers = (value: string): number =>
    loadRouterConfig({ signer: "/s" }, { MALLA_ROUTER_WORKERS: value }).workers;
  assert.equal(workers("3"), 3);
  assert.equal(workers("auto"), autoWorkerCount());
  for (const bad of ["0", "65", "many", "1.5"]) assert.throws(() => workers(bad), /MALLA_ROUTER_WORKERS.*from 1 to 64/);
});

test("all problems are told together, each with its variable", () => {
  const environment = {
    MALLA_METRICS_PORT: "many",
    MALLA_ROUTER_MAX_IN_FLIGHT: "0",
    MALLA_LOG_LEVEL: "loud",
    MALLA_TRACE_RATIO: "2",
  };
  assert.throws(
    () => loadRouterConfig({}, environment),
    (error) => {
      const { message } = error as Error;
      for (const name of ["MALLA_ROUTER_SIGNER", ...Object.keys(environment)]) assert.match(message, new RegExp(name));
      assert.equal(message.split("\n- ").length, 6);
      return true;
    },
  );
});

test("ports and counts are whole numbers", () => {
  for (const options of [
    { metricsPort: 1.5 },
    { metricsPort: 65_536 },
    { maxInFlight: 1.5 },
    { maxInFlightPerPrincipal: Number.NaN },
    // Less than one call of the largest size: nobody could ever send it.
    { maxBytes: 1024 * 1024 - 1 },
    { maxBytesPerPrincipal: 1_000 },
  ])
    assert.throws(() => loadRouterConfig({ signer: "/s", ...options }, {}), /number/, JSON.stringify(options));
});

test("a config cannot be changed", () => assert.ok(Object.isFrozen(loadRouterConfig({ signer: "/s" }, {}))));
