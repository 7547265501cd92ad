import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "./parse-duration.ts";

const cases: readonly [string, number | undefined][] = [
  ["0s", 0],
  ["500ms", 500],
  ["1m30s", 90_000],
  ["1h2m3s4ms", 3_723_004],
  ["10s500ms", 10_500],
  ["", undefined],
  ["1", undefined],
  ["1.5s", undefined],
  ["-1s", undefined],
  ["1s ", undefined],
  ["1d", undefined],
  ["100000s", undefined],
  ["1s1s1s1s1s", undefined],
];
for (const [text, ms] of cases)
  test(`${JSON.stringify(text)} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));
