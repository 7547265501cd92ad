import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenLoop } from "./open-loop.ts";
import { OpenSchedule } from "./open-schedule.ts";

test("calls fall due at the rate, none is lost by looking late, none is due twice", () => {
  const schedule = new OpenSchedule(1_000, 500);
  assert.equal(schedule.take(999.9), undefined);
  assert.equal(schedule.take(1_000), 1_000);
  assert.equal(schedule.take(1_001.9), undefined);
  assert.deepEqual([schedule.take(1_006), schedule.take(1_006), schedule.take(1_006)], [1_002, 1_004, 1_006]);
  assert.equal(schedule.take(1_006), undefined);
});

interface World {
  readonly loop: OpenLoop;
  readonly ends: ((error?: unknown) => void)[];
  readonly edges: string[];
  at(nowMs: number): void;
}

function world(maxOpen = 100): World {
  let now = 0;
  const ends: World["ends"] = [];
  const edges: string[] = [];
  const loop = new OpenLoop({
    rate: 1_000,
    warmUpMs: 0,
    durationMs: 0,
    maxOpen,
    now: () => now,
    call: (done) => void ends.push(done),
    onWindow: (edge) => void edges.push(edge),
    pacer: () => assert.fail("the test beats"),
  });
  const at = (nowMs: number): void => {
    now = nowMs;
  };
  return { loop, ends, edges, at };
}

test("a call is timed from when it was due, not from when a stalled loop sent it", () => {
  const { loop, ends, edges, at } = world();
  loop.beginWindow();
  at(9.5);
  loop.beat();
  assert.equal(ends.length, 10);
  at(10);
  loop.endWindow();
  for (const end of ends) end();
  const { calls, failed, elapsedMs, latency } = loop.result();
  assert.deepEqual(
    { calls, failed, elapsedMs, edges },
    { calls: 10, failed: 0, elapsedMs: 10, edges: ["begin", "end"] },
  );
  // Due at 0, 1, … 9 and ended at 10.
  assert.equal(latency.maxMs, 10);
  assert.ok(Math.abs(latency.quantileMs(0.5) - 5) < 0.06);
});

test("calls due outside the window do not count, those due within do whenever they end", () => {
  const { loop, ends, at } = world();
  at(1.5);
  loop.beat();
  loop.beginWindow();
  at(3.5);
  loop.endWindow();
  at(50);
  loop.beat();
  assert.equal(ends.length, 4);
  for (const end of ends) end();
  assert.equal(loop.result().calls, 2);
});

test("what never ends has failed, and so has what was due and found no place", () => {
  const { loop, ends, at } = world(3);
  loop.beginWindow();
  at(4.5);
  loop.endWindow();
  assert.equal(ends.length, 3);
  ends[0]?.();
  ends[1]?.(new Error("refused"));
  at(100);
  const { calls, failed, firstError, latency } = loop.result();
  assert.deepEqual({ calls, failed }, { calls: 5, failed: 4 });
  assert.match(String(firstError), /refused/);
  assert.equal(latency.maxMs, 98);
  // An end that comes after it was given up changes nothing.
  ends[2]?.();
  assert.equal(loop.result().calls, 5);
});
