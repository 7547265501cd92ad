import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/fake-clock.ts";
import { StallClock } from "./stall-clock.ts";

function ticking(): { clock: FakeClock; stall: StallClock; run: (ticks: number) => void } {
  const clock = new FakeClock();
  const stall = new StallClock(clock);
  return {
    clock,
    stall,
    run: (ticks) => {
      for (let i = 0; i < ticks; i++) {
        clock.advance(20);
        stall.tick();
      }
    },
  };
}

test("a process that runs has lost nothing", () => {
  const { clock, stall, run } = ticking();
  run(100);
  clock.advance(60);
  stall.tick();
  assert.equal(stall.lostMs(), 0);
  assert.ok(!stall.stalledWithin(10_000));
});

test("what is read within a tick of a stall's end has waited as long as the stall, what comes later has not", () => {
  const { clock, stall, run } = ticking();
  run(5);
  clock.advance(3_020);
  stall.tick();
  assert.equal(stall.lostMs(), 3_000);
  clock.advance(20);
  assert.equal(stall.lostMs(), 3_000);
  clock.advance(1);
  assert.equal(stall.lostMs(), 0);
  assert.ok(stall.stalledWithin(21));
  assert.ok(!stall.stalledWithin(20));
});

test("lag is smoothed and goes away again", () => {
  const { clock, stall, run } = ticking();
  clock.advance(120);
  stall.tick();
  assert.equal(stall.lagMs, 50);
  run(1);
  assert.equal(stall.lagMs, 25);
  run(20);
  assert.ok(stall.lagMs < 0.001);
});

test("a clock that jitters back counts as no lag", () => {
  const { clock, stall } = ticking();
  clock.advance(5);
  stall.tick();
  assert.equal(stall.lagMs, 0);
});

test("what is read before the ticker has seen the stall has waited as long as the tick is overdue", () => {
  const { clock, stall, run } = ticking();
  run(5);
  clock.advance(3_020);
  assert.equal(stall.lostMs(), 3_000);
});

test("where it can be told, what is read before the buffers are empty has waited as long as the stall", async () => {
  const { clock, stall, run } = ticking();
  const readers: (() => void)[] = [];
  stall.catchUpBy(async () => new Promise((resolve) => void readers.push(resolve)));
  run(5);
  clock.advance(3_020);
  stall.tick();
  run(10);
  assert.equal(stall.lostMs(), 3_000);
  clock.advance(1_020);
  stall.tick();
  readers[0]?.();
  await new Promise(setImmediate);
  run(10);
  assert.equal(stall.lostMs(), 1_000, "caught up with the first stall, not with the second");
  readers[1]?.();
  await new Promise(setImmediate);
  assert.equal(stall.lostMs(), 0);
});
