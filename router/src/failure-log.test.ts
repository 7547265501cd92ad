import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "@malla/sdk/contract";
import { exchangeOf, FakeClock, RecordedTelemetry } from "@malla/sdk/testing";
import { FailureLog } from "./failure-log.ts";

function logged(): { clock: FakeClock; telemetry: RecordedTelemetry; failures: FailureLog } {
  const clock = new FakeClock();
  const telemetry = new RecordedTelemetry();
  return { clock, telemetry, failures: new FailureLog(telemetry.log, () => clock.nowMs()) };
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

test("a flood is twenty lines a second, and a count of the rest", () => {
  const { clock, telemetry, failures } = logged();
  const target = { principal: "cart", service: "orders", method: "place" };
  for (let i = 0; i < 5_000; i++) {
    failures.refused(target, MeshError.of("overloaded", "x"));
    failures.unexpected(new Error("x"));
  }
  assert.equal(telemetry.lines.length, 20);
  clock.advance(1_000);
  failures.failed(exchangeOf(clock.nowMs()), MeshError.of("gone", "x"));
  assert.deepEqual(
    [telemetry.lines.length, telemetry.lines[20]?.facts, telemetry.lines[21]?.message],
    [22, { leftOut: 9_980 }, "x"],
  );
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
