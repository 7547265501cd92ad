import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BUDGET_WINDOW_MS, RetryBudget } from "./retry-budget.ts";

const TERMS = { percent: 20, minPerSecond: 10 };

function takeAll(budget: RetryBudget, nowMs: number): number {
  let taken = 0;
  while (budget.takeRetry(TERMS, nowMs)) taken++;
  return taken;
}

describe("RetryBudget", () => {
  it("gives a share of the calls of the window on top of a floor", () => {
    const budget = new RetryBudget();
    assert.equal(takeAll(budget, 50_000), 100);
    for (let i = 0; i < 1_000; i++) budget.countCall(50_500);
    assert.equal(budget.left(TERMS, 50_500), 200);
    assert.equal(takeAll(budget, 50_500), 200);
    assert.equal(budget.takeRetry(TERMS, 50_500), false);
  });

  it("gives nothing on terms of nothing", () => {
    assert.equal(new RetryBudget().takeRetry({ percent: 0, minPerSecond: 0 }, 0), false);
  });

  it("forgets call by call, not all at once", () => {
    const budget = new RetryBudget();
    for (let second = 0; second < 10; second++) for (let i = 0; i < 100; i++) budget.countCall(second * 1_000);
    assert.equal(budget.left(TERMS, 9_500), 300);
    assert.equal(budget.left(TERMS, 10_500), 280);
    assert.equal(budget.left(TERMS, 14_500), 200);
    assert.equal(budget.left(TERMS, 19_500), 100);
    assert.equal(budget.left(TERMS, 1e9), 100);
  });

  it("gives back what was taken, when it has gone out of the window", () => {
    const budget = new RetryBudget();
    assert.equal(takeAll(budget, 3_000), 100);
    assert.equal(takeAll(budget, 12_999), 0);
    assert.equal(takeAll(budget, 13_000), 100);
  });

  it("bears a clock that steps back", () => {
    const budget = new RetryBudget();
    for (let i = 0; i < 100; i++) budget.countCall(20_000);
    assert.equal(budget.left(TERMS, 3_000), 120);
    assert.equal(budget.left(TERMS, 20_000), 120);
  });

  it("bounds the retries of any window by the calls of that window and the floor", () => {
    const event = fc.record({
      gapMs: fc.integer({ min: 0, max: 1_500 }),
      calls: fc.integer({ min: 0, max: 60 }),
      failures: fc.integer({ min: 0, max: 80 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const budget = new RetryBudget();
        const log: { atMs: number; calls: number; retries: number }[] = [];
        let nowMs = 0;
        for (const { gapMs, calls, failures } of events) {
          nowMs += gapMs;
          for (let i = 0; i < calls; i++) budget.countCall(nowMs);
          let retries = 0;
          for (let i = 0; i < failures; i++) if (budget.takeRetry(TERMS, nowMs)) retries++;
          log.push({ atMs: nowMs, calls, retries });
          // What counts is at most the window, and at least the window less one bucket.
          const recent = log.filter(({ atMs }) => atMs > nowMs - BUDGET_WINDOW_MS);
          const sure = log.filter(({ atMs }) => atMs > nowMs - BUDGET_WINDOW_MS + 1_000);
          const sum = (list: typeof log, of: "calls" | "retries"): number =>
            list.reduce((total, entry) => total + entry[of], 0);
          if (retries > 0) assert.ok(sum(sure, "retries") <= sum(recent, "calls") * 0.2 + 100 + 1e-9);
        }
      }),
      { numRuns: 300 },
    );
  });
});
