import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "./fake-clock.ts";
import { seededFill, seededRandom } from "./seeded-random.ts";
import { createTestRuntime } from "./test-runtime.ts";

test("timers see the instant they fire at, in order", () => {
  const { clock, timers } = createTestRuntime();
  const start = clock.nowMs();
  const fired: [string, number][] = [];
  timers.schedule(1_000, () => fired.push(["b", clock.nowMs() - start]));
  timers.schedule(20, () => {
    fired.push(["a", clock.nowMs() - start]);
    timers.schedule(10, () => fired.push(["c", clock.nowMs() - start]));
  });
  clock.advance(999);
  assert.deepEqual(fired, [
    ["a", 20],
    ["c", 30],
  ]);
  clock.advance(6);
  assert.deepEqual(fired.at(-1), ["b", 1_000]);
  assert.equal(clock.nowMs() - start, 1_005);
});

test("after a stall everything due fires late, at once", () => {
  const { clock, timers } = createTestRuntime();
  const start = clock.nowMs();
  const fired: number[] = [];
  timers.schedule(20, () => fired.push(clock.nowMs() - start));
  timers.schedule(40, () => fired.push(clock.nowMs() - start));
  clock.stall(500);
  assert.deepEqual(fired, [500, 500]);
});

test("both clocks move together, and a step of the wall clock leaves the other alone", () => {
  const clock = new FakeClock();
  const [now, wall] = [clock.nowMs(), clock.wallMs()];
  clock.advance(123.5);
  assert.equal(clock.nowMs() - now, 123.5);
  assert.equal(clock.wallMs() - wall, 123.5);
  clock.stepWall(-60_000);
  assert.equal(clock.nowMs() - now, 123.5);
  assert.equal(clock.wallMs() - wall, 123.5 - 60_000);
});

test("seeded chance repeats, stays in [0, 1), and is spread evenly", () => {
  const [a, b, c] = [seededRandom(42), seededRandom(42), seededRandom(43)];
  const buckets = new Array<number>(10).fill(0);
  let same = 0;
  for (let i = 0; i < 10_000; i++) {
    const value = a();
    assert.equal(value, b());
    if (value === c()) same++;
    assert.ok(value >= 0 && value < 1);
    const bucket = Math.floor(value * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  assert.equal(same, 0);
  for (const count of buckets) assert.ok(count > 850 && count < 1150, `bucket of ${count}`);
});

test("seeded ids repeat by seed and do not collide", () => {
  const ids = (seed: number): string[] => {
    const { ids: source } = createTestRuntime({ seed });
    return Array.from({ length: 2_000 }, () => source.next());
  };
  const first = ids(1);
  assert.deepEqual(first, ids(1));
  assert.equal(new Set([...first, ...ids(2)]).size, 4_000);
  const pool = new Uint8Array(256);
  seededFill(1)(pool);
  assert.ok(new Set(pool).size > 100);
});
