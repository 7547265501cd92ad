import assert from "node:assert/strict";
import { test } from "node:test";
import { divideQuantity, parseQuantity } from "./quantity.ts";

const CASES: readonly (readonly [string, number])[] = [
  ["1", 1],
  ["250m", 0.25],
  ["64Mi", 64 * 2 ** 20],
  ["1.5Gi", 1.5 * 2 ** 30],
  ["2k", 2000],
  ["1e3", 1000],
];

for (const [text, want] of CASES) test(`${text} is ${want}`, () => assert.equal(parseQuantity(text), want));

test("refuses what is no quantity", () => {
  for (const text of ["", "Mi", "1X", "1.2.3", "1 Mi"]) assert.throws(() => parseQuantity(text), /is no quantity/);
});

test("divides and rounds up", () => {
  assert.equal(divideQuantity("250m"), "1");
  assert.equal(divideQuantity("250m", "0"), "1", "as the API server writes none");
  assert.equal(divideQuantity("300m", "1m"), "300");
  assert.equal(divideQuantity("64Mi", "1Mi"), "64");
});
