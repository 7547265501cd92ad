import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "@malla/sdk/contract";
import { createTestRuntime, exchangeOf, type FakeClock, RecordedTelemetry } from "@malla/sdk/testing";
import { FailureLog } from "./failure-log.ts";

function logged(): { clock: FakeClock; telemetry: RecordedTelemetry; failures: FailureLog } {
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  return { clock: runtime.clock, telemetry, failures: new FailureLog(runtime) };
}

test("a failed call is one line with what is needed to find it", () => {
  const { clock, telemetry, failures } = logged();
  const exchange = exchangeOf(clock.nowMs(), {
    attempts: 2,
    parent: { traceId: "t".repeat(32), spanId: "s".repeat(16), sampled: true },
  });
  clock.advance(12.4);
  failures.failed(exchange, MeshError.of("gone", "instance a was lost", { origin: "router" }));
  assert.deepEqual(telemetry.lines, [
    {
      level: "warn",
      message: "instance a was lost",
      facts: {
        service: "orders",
        method: "place",
        caller: "cart",
        status: "UNAVAILABLE",
        reason: "gone",
        origin: "router",
        attempts: 2,
        durationMs: 12,
        traceId: "t".repeat(32),
      },
    },
  ]);
});

test("an application's own refusal is a debug line and takes nobody's place", () => {
  const { clock, telemetry, failures } = logged();
  for (let i = 0; i < 100; i++)
    failures.failed(exchangeOf(clock.nowMs()), new MeshError({ status: "NOT_FOUND", message: "x" }));
  assert.ok(telemetry.lines.every(({ level }) => level === "debug"));
  failures.failed(exchangeOf(clock.nowMs()), MeshError.of("denied", "x"));
  assert.equal(telemetry.lines.at(-1)?.level, "warn");
});

test("a flood is twenty lines a second of whoever caused it, and a count of the rest when the second has passed", () => {
  const { clock, telemetry, failures } = logged();
  for (let i = 0; i < 5_000; i++) {
    failures.failed(exchangeOf(clock.nowMs()), MeshError.of("overloaded", "x"));
    failures.unexpected("cart", new Error("x"));
  }
  assert.equal(telemetry.lines.length, 20);
  failures.failed(exchangeOf(clock.nowMs(), { principal: "web" }), MeshError.of("gone", "another's"));
  assert.equal(telemetry.lines.at(-1)?.message, "another's");
  clock.advance(1_010);
  assert.deepEqual(telemetry.lines.at(-1)?.facts, { principal: "cart", leftOut: 9_980 });
  assert.equal(telemetry.lines.length, 22);
});

test("what an audit would have refused names its rules", () => {
  const { clock, telemetry, failures } = logged();
  failures.audited(exchangeOf(clock.nowMs()), ["only-web"]);
  assert.deepEqual(telemetry.lines[0]?.facts, {
    service: "orders",
    method: "place",
    caller: "cart",
    rules: ["only-web"],
  });
});
