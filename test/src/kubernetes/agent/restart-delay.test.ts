import assert from "node:assert/strict";
import { test } from "node:test";
import { NEVER_RESTARTED, shouldRestart, takeRestart } from "./restart-delay.ts";

test("waits twice as long each time, a minute at most", () => {
  let state = NEVER_RESTARTED;
  const delays = Array.from({ length: 9 }, () => {
    const { delayMs, next } = takeRestart(state, 100);
    state = next;
    return delayMs;
  });
  assert.deepEqual(delays, [0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
});

test("forgets what was before when a container ran for long", () => {
  assert.equal(takeRestart({ nextDelayMs: 60_000 }, 700_000).delayMs, 0);
});

test("restarts as the policy says", () => {
  const codes = [0, 1];
  assert.deepEqual(
    codes.map((code) => shouldRestart("Always", code)),
    [true, true],
  );
  assert.deepEqual(
    codes.map((code) => shouldRestart("OnFailure", code)),
    [false, true],
  );
  assert.deepEqual(
    codes.map((code) => shouldRestart("Never", code)),
    [false, false],
  );
});
