import assert from "node:assert/strict";
import { test } from "node:test";
import { growthOf, type Sample } from "./growth.ts";
import { judgeSoak, type Observation, type VitalSigns } from "./verdict.ts";

const HOUR = 3_600_000;
const MIB = 2 ** 20;
const LOOSE = { share: 0.1, least: 0 };

/** A hundred samples over an hour. */
function samples(valueAt: (share: number, i: number) => number): Sample[] {
  return Array.from({ length: 100 }, (_, i) => ({ atMs: (i / 99) * HOUR, value: valueAt(i / 99, i) }));
}

test("a line that rises grows, by what it rises", () => {
  const { slopePerHour, growth, grows, last } = growthOf(
    samples((share) => 1_000 + 500 * share),
    LOOSE,
  );
  assert.ok(Math.abs(slopePerHour - 500) < 1e-6 && grows);
  assert.ok(Math.abs(growth - 500 * (79 / 99)) < 1e-6, "settling is left out");
  assert.equal(last, 1_500);
});

test("what falls, settles at the start, swings or has a few wild values does not grow", () => {
  const steady = [
    samples((share) => 1_000 - 500 * share),
    samples((share) => 1_000 + 500 * Math.min(share / 0.15, 1)),
    samples((_, i) => 1_000 + 200 * Math.sin(i)),
    samples((_, i) => (i % 10 === 0 ? 9_000 : 1_000)),
    samples((_, i) => (i > 92 ? 9_000 : 1_000)),
  ];
  for (const [i, line] of steady.entries()) assert.ok(!growthOf(line, LOOSE).grows, `line ${i}`);
});

test("growth below what noise may be is none, and too few samples say nothing", () => {
  assert.ok(
    !growthOf(
      samples((share) => 10 + 3 * share),
      { share: 0, least: 3 },
    ).grows,
  );
  assert.ok(
    growthOf(
      samples((share) => 10 + 5 * share),
      { share: 0, least: 3 },
    ).grows,
  );
  assert.throws(() => growthOf(samples(() => 1).slice(0, 4), LOOSE), /4 samples are too few/);
});

function observed(process: string, signsAt: (share: number) => VitalSigns): Observation[] {
  return samples(() => 0).map(({ atMs }) => ({ atMs, process, signs: signsAt(atMs / HOUR) }));
}

test("the verdict names what grows, in which process, and has every measure that was taken", () => {
  const verdict = judgeSoak([
    ...observed("broker", () => ({ rssBytes: 20 * MIB, files: 12 })),
    ...observed("router", (share) => ({
      rssBytes: 90 * MIB,
      heapBytes: (30 + 10 * share) * MIB,
      files: 20,
      resources: 9,
      series: Math.round(100 + 20 * share),
    })),
  ]);
  assert.deepEqual(Object.keys(verdict.processes["broker"] ?? {}), ["rssBytes", "files"]);
  assert.equal(verdict.processes["router"]?.resources?.grows, false);
  assert.deepEqual(
    verdict.grows.map((line) => line.replace(/ by .*/, "")),
    ["heapBytes of router grew", "series of router grew"],
  );
  assert.deepEqual(judgeSoak(observed("caller", () => ({ rssBytes: MIB, files: 3 }))).grows, []);
});
