import assert from "node:assert/strict";
import { test } from "node:test";
import { ClockOffset } from "./clock-offset.ts";

function after(...readings: readonly number[]): number {
  const [first = 0, ...rest] = readings;
  const offset = new ClockOffset(first);
  for (const reading of rest) offset.take(reading);
  return offset.ms;
}

const CASES: readonly { name: string; readings: readonly number[]; want: number }[] = [
  { name: "the first reading stands until another comes", readings: [40], want: 40 },
  { name: "a larger one was less late, and is taken at once", readings: [40, 55, 3_600_000], want: 3_600_000 },
  { name: "a little less is drift", readings: [40, 39.5], want: 39.5 },
  { name: "one that was held up hardly counts", readings: [0, -9_000], want: -1 },
  { name: "nor do several that were held up together", readings: [0, -9_000, -8_000, -7_000, -6_000], want: -4 },
  { name: "nor do many that are read late by a busy process", readings: [0, -60, -55, -70, -60, -65], want: -5 },
  { name: "three that agree on a jump are the truth", readings: [0, -9_000, -9_020, -8_990], want: -8_990 },
  { name: "agreeing begins anew after a good one", readings: [0, -9_000, -9_000, 0, -9_000], want: -1 },
];

for (const { name, readings, want } of CASES) test(name, () => assert.equal(after(...readings), want));
