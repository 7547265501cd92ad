import assert from "node:assert/strict";
import { test } from "node:test";
import { type FailedCall, logFailedCall } from "./log-failed-call.ts";
import { noopLogger } from "./noop.ts";
import type { Logger } from "./port.ts";

const call: FailedCall = {
  reporter: "router",
  caller: "cart",
  service: "payments",
  method: "Charge",
  version: "1.0.0",
  code: "UNAVAILABLE",
  reason: "gone",
  durationMs: 12.34567,
  attempts: 2,
  instance: "p1",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
};

function recording() {
  const lines: { level: string; facts: object; message: string }[] = [];
  const at = (level: string) => (facts: object, message: string) => void lines.push({ level, facts, message });
  const log: Logger = { ...noopLogger, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return { log, lines };
}

test("one line with all that is known of the call", () => {
  const { log, lines } = recording();
  logFailedCall(log, call);
  assert.deepEqual(lines, [
    {
      level: "warn",
      message: "call failed",
      facts: {
        reporter: "router",
        caller: "cart",
        service: "payments",
        method: "Charge",
        instance: "p1",
        status: "UNAVAILABLE",
        reason: "gone",
        attempts: 2,
        durationMs: 12.346,
        traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      },
    },
  ]);
});

const levels = [
  { reason: "internal", want: "error" },
  { reason: "deadline", want: "warn" },
  { reason: "handler", want: "warn" },
  { reason: "denied", want: "info" },
  { reason: "application", want: "info" },
] as const;

for (const { reason, want } of levels) {
  test(`${reason} is ${want}`, () => {
    const { log, lines } = recording();
    logFailedCall(log, { ...call, reason, detail: { rule: "r" } });
    assert.equal(lines[0]?.level, want);
    assert.match(JSON.stringify(lines[0]?.facts), /"detail":\{"rule":"r"\}/);
  });
}
