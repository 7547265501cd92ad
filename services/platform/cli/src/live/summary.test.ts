import assert from "node:assert/strict";
import { test } from "node:test";
import { type CallCounts, emptyCounts } from "./call-counts.ts";
import { isGood, type Summary, summarise, summaryLine } from "./summary.ts";

const buckets = (count: number): Map<number, number> =>
  new Map([
    [0.01, count],
    [Number.POSITIVE_INFINITY, count],
  ]);
const before: CallCounts = new Map([
  ["catalog", { calls: 10, refused: 1, failed: 0, retries: 0, buckets: buckets(10) }],
]);
const after: CallCounts = new Map([
  ["catalog", { calls: 110, refused: 5, failed: 2, retries: 3, buckets: buckets(110) }],
  ["cart", { calls: 20, refused: 0, failed: 0, retries: 0, buckets: buckets(20) }],
  ["idle", emptyCounts()],
]);

test("the summary tells what happened between two counts", () => {
  assert.deepEqual(summarise(before, after, 4), {
    durationSeconds: 4,
    calls: 120,
    succeeded: 114,
    refused: 4,
    failed: 2,
    retries: 3,
    callsPerSecond: 30,
    p50Ms: 5,
    p99Ms: 9.9,
    services: { cart: { calls: 20, failed: 0, p99Ms: 9.9 }, catalog: { calls: 100, failed: 2, p99Ms: 9.9 } },
  });
});

test("it is good if some calls were made and at most one in a thousand failed", () => {
  const summary = (calls: number, failed: number): Summary => ({ ...summarise(before, after, 1), calls, failed });
  assert.equal(isGood(summary(0, 0)), false);
  assert.equal(isGood(summary(1_000, 1)), true);
  assert.equal(isGood(summary(1_000, 2)), false);
  assert.equal(isGood(summary(999, 1)), false);
});

test("the line for people has the same numbers", () => {
  assert.match(
    summaryLine(summarise(before, after, 4)),
    /^120 calls in 4 s \(30\/s\): 114 succeeded, 4 refused by the shop, 2 failed, 3 retries; p50 5 ms, p99 9\.9 ms$/,
  );
});
