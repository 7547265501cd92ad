import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatTimeoutMs, MAX_TIMEOUT_MS, parseTimeoutMs } from "./deadline.ts";

test("whole milliseconds of 1 to 9 digits are read, more than the cap is cut", () => {
  for (const [text, want] of [
    ["0", 0],
    ["1", 1],
    ["007", 7],
    ["300000", 300_000],
    ["300001", MAX_TIMEOUT_MS],
    ["999999999", MAX_TIMEOUT_MS],
  ] as const)
    assert.equal(parseTimeoutMs(text), want, text);
});

test("nonsense is refused", () => {
  for (const text of [
    "",
    " ",
    "-1",
    "+1",
    "1.5",
    "1e3",
    "0x10",
    "10 ",
    " 10",
    "10\n",
    "1000000000",
    "NaN",
    "Infinity",
    "١",
  ])
    assert.equal(parseTimeoutMs(text), undefined, JSON.stringify(text));
});

test("property: a deadline never grows on its way", () => {
  fc.assert(
    fc.property(fc.double({ min: -1e6, max: MAX_TIMEOUT_MS, noNaN: true }), (remainingMs) => {
      const read = parseTimeoutMs(formatTimeoutMs(remainingMs));
      assert.ok(read !== undefined && read <= Math.max(0, remainingMs) && read > remainingMs - 1);
    }),
  );
});
