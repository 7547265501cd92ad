import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Histogram } from "./histogram.ts";

test("small values are exact, and quantiles are those of the sorted values", () => {
  const histogram = new Histogram();
  for (let us = 100; us >= 1; us--) histogram.record(us / 1000);
  assert.equal(histogram.count, 100);
  assert.deepEqual(
    [0, 0.01, 0.5, 0.99, 0.999, 1].map((share) => histogram.quantileMs(share)),
    [0.001, 0.001, 0.05, 0.099, 0.1, 0.1],
  );
});

test("any quantile is at most a hundredth above the value it stands for, and never below", () => {
  const values = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (microseconds, share) => {
      const histogram = new Histogram();
      for (const us of microseconds) histogram.record(us / 1000);
      const sorted = microseconds.toSorted((a, b) => a - b);
      const exact = (sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] as number) / 1000;
      const found = histogram.quantileMs(share);
      assert.ok(found >= exact && found <= exact * 1.01, `${found} for ${exact}`);
      assert.ok(found <= histogram.maxMs);
    }),
  );
});

test("nothing measured is zero, before zero is zero, and what is beyond all bounds counts as the bound", () => {
  const histogram = new Histogram();
  assert.equal(histogram.quantileMs(0.99), 0);
  histogram.record(-5);
  assert.equal(histogram.quantileMs(1), 0);
  histogram.record(1e12);
  assert.equal(histogram.quantileMs(1), (2 ** 31 - 1) / 1000);
  assert.equal(histogram.count, 2);
});
