import assert from "node:assert/strict";
import { test } from "node:test";
import { type ProbeThresholds, probeState, takeResult } from "./probe-state.ts";

interface Case {
  readonly name: string;
  readonly from: boolean | undefined;
  readonly limits?: ProbeThresholds;
  /** `+` success, `-` failure. */
  readonly results: string;
  readonly want: boolean | undefined;
}

const CASES: readonly Case[] = [
  { name: "one success is enough", from: false, results: "+", want: true },
  { name: "two failures are not", from: true, results: "--", want: true },
  { name: "three failures are", from: true, results: "---", want: false },
  { name: "a success in between counts from the beginning", from: true, results: "--+--", want: true },
  { name: "nothing is known before a threshold", from: undefined, results: "--", want: undefined },
  { name: "as many successes as asked for", from: false, limits: { successThreshold: 2 }, results: "+-+", want: false },
  { name: "as few failures as asked for", from: true, limits: { failureThreshold: 1 }, results: "+-", want: false },
];

for (const { name, from, limits = {}, results, want } of CASES) {
  test(name, () => {
    const end = [...results].reduce((state, result) => takeResult(state, result === "+", limits), probeState(from));
    assert.equal(end.holds, want);
  });
}
