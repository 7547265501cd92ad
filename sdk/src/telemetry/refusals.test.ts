import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordedTelemetry } from "../testing/recorded-telemetry.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { MAX_LINES_PER_SECOND, MAX_PRINCIPALS_PER_SECOND } from "./bounded-lines.ts";
import type { Refusal } from "./refusals.ts";

const refusal = (more: Partial<Refusal> = {}): Refusal => ({
  stage: "authenticate-reply",
  reason: "bad-request",
  principal: "cart",
  problem: "the answer would go to somebody else",
  ...more,
});

function refusing() {
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  return { telemetry, clock: runtime.clock, timers: runtime.timers, refusals: runtime.refusals };
}

test("a refusal is counted once and is one line with principal and reason", () => {
  const { telemetry, refusals } = refusing();
  refusals.refused(refusal({ service: "orders", method: "place", subject: "x".repeat(500) }));
  assert.deepEqual(telemetry.rejections, [{ stage: "authenticate-reply", reason: "bad-request" }]);
  assert.deepEqual(telemetry.lines, [
    {
      level: "warn",
      message: "refused: the answer would go to somebody else",
      facts: {
        stage: "authenticate-reply",
        reason: "bad-request",
        principal: "cart",
        service: "orders",
        method: "place",
        subject: "x".repeat(128),
      },
    },
  ]);
});

test("a flood is counted whole and cut in the log; how much was left out is told when the second has passed", () => {
  const { telemetry, clock, timers, refusals } = refusing();
  for (let i = 0; i < 10_000; i++) refusals.refused(refusal());
  assert.equal(telemetry.rejections.length, 10_000);
  assert.equal(telemetry.lines.length, MAX_LINES_PER_SECOND);
  clock.advance(1_010);
  assert.deepEqual(telemetry.lines.at(-1)?.facts, { principal: "cart", leftOut: 10_000 - MAX_LINES_PER_SECOND });
  refusals.refused(refusal());
  assert.equal(telemetry.lines.length, MAX_LINES_PER_SECOND + 2);
  assert.equal(timers.pending, 0);
});

test("a flood of one principal hides no line about another", () => {
  const { telemetry, refusals } = refusing();
  for (let i = 0; i < 1_000; i++) refusals.refused(refusal());
  refusals.refused(refusal({ principal: "web" }));
  assert.equal(telemetry.lines.at(-1)?.facts["principal"], "web");
});

test("a thousand principals at once share what a reader can take", () => {
  const { telemetry, refusals } = refusing();
  for (let i = 0; i < 1_000; i++) for (let n = 0; n < 3; n++) refusals.refused(refusal({ principal: `p${i}` }));
  assert.ok(telemetry.lines.length <= MAX_PRINCIPALS_PER_SECOND * 3 + MAX_LINES_PER_SECOND);
});
