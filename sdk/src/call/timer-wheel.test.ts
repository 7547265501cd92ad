import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FakeClock } from "../testing/fake-clock.ts";
import { TICK_MS, type Timer, TimerWheel } from "./timer-wheel.ts";

/** One turn of the wheel, in ms. */
const TURN_MS = 1024 * TICK_MS;

function wheel(): { clock: FakeClock; timers: TimerWheel; errors: unknown[] } {
  const clock = new FakeClock();
  const errors: unknown[] = [];
  return { clock, errors, timers: new TimerWheel(clock, clock.drive(), (error) => errors.push(error)) };
}

describe("against a naive model", () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("schedule" as const),
        ms: fc.oneof(fc.double({ min: 0, max: 60, noNaN: true }), fc.integer({ min: 0, max: 3 * TURN_MS })),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), ms: fc.nat({ max: 40 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("advance" as const),
        ms: fc.oneof(fc.double({ min: 0, max: 20, noNaN: true }), fc.integer({ min: 0, max: 2 * TURN_MS })),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("stall" as const), ms: fc.integer({ min: 0, max: 2 * TURN_MS }) }),
    },
  );

  test("each timer fires once, never early, at most one tick late, and never after it was cancelled", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, timers, errors } = wheel();
        const model: { timer: Timer; dueMs: number; firedMs: number | undefined; cancelled: boolean }[] = [];
        let stalledUntilMs = 0;
        for (const { do: what, ms } of steps) {
          if (what === "schedule") {
            const entry = { dueMs: clock.nowMs() + ms, firedMs: undefined as number | undefined, cancelled: false };
            const timer = timers.schedule(ms, () => {
              assert.equal(entry.firedMs, undefined, "fired twice");
              assert.ok(!entry.cancelled, "fired after it was cancelled");
              entry.firedMs = clock.nowMs();
            });
            model.push(Object.assign(entry, { timer }));
          } else if (what === "cancel") {
            const entry = model[ms % Math.max(1, model.length)];
            if (entry === undefined) continue;
            timers.cancel(entry.timer);
            if (entry.firedMs === undefined) entry.cancelled = true;
          } else if (what === "advance") clock.advance(ms);
          else {
            clock.stall(ms);
            stalledUntilMs = clock.nowMs();
          }
          for (const { dueMs, firedMs, cancelled } of model) {
            if (firedMs !== undefined) {
              assert.ok(firedMs >= dueMs - 1e-6, `${dueMs - firedMs} ms early`);
              // Whole ticks are what the wheel turns by: due within a tick, seen at the next.
              assert.ok(firedMs <= Math.max(dueMs, stalledUntilMs) + 2 * TICK_MS, `${firedMs - dueMs} ms late`);
            } else if (!cancelled)
              assert.ok(
                clock.nowMs() < dueMs + 2 * TICK_MS,
                `still waiting ${clock.nowMs() - dueMs} ms after it was due`,
              );
          }
          assert.equal(timers.pending, model.filter((entry) => entry.firedMs === undefined && !entry.cancelled).length);
        }
        assert.deepEqual(errors, []);
      }),
      { numRuns: 300 },
    );
  });

  test("on a wheel that has just begun, a timer is at most one tick late", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 200, noNaN: true }),
        fc.double({ min: 0, max: 5, noNaN: true }),
        (delayMs, offsetMs) => {
          const { clock, timers } = wheel();
          clock.advance(offsetMs);
          const dueMs = clock.nowMs() + delayMs;
          let firedMs = 0;
          timers.schedule(delayMs, () => (firedMs = clock.nowMs()));
          clock.advance(delayMs + 2 * TICK_MS);
          assert.ok(firedMs >= dueMs - 1e-6 && firedMs <= dueMs + TICK_MS + 1e-6, `${firedMs - dueMs} ms`);
        },
      ),
    );
  });
});

describe("inside a callback", () => {
  test("a neighbour of the same slot can be cancelled, before and behind", () => {
    const { clock, timers } = wheel();
    const fired: string[] = [];
    const made: Record<string, Timer> = {};
    for (const name of ["a", "b", "c", "d"])
      made[name] = timers.schedule(20, () => {
        fired.push(name);
        for (const other of Object.values(made)) timers.cancel(other);
      });
    clock.advance(40);
    assert.equal(fired.length, 1);
    assert.equal(timers.pending, 0);
  });

  test("a timer of a later turn in the same slot stays, also when it is the one cancelled", () => {
    for (const cancelLater of [false, true]) {
      const { clock, timers } = wheel();
      const fired: string[] = [];
      timers.schedule(20, () => fired.push("first"));
      const later = timers.schedule(20 + TURN_MS, () => fired.push("later"));
      timers.schedule(20, () => {
        fired.push("second");
        if (cancelLater) timers.cancel(later);
      });
      timers.schedule(20 + 2 * TURN_MS, () => fired.push("last"));
      clock.advance(30);
      assert.deepEqual([...fired].sort(), ["first", "second"]);
      clock.advance(3 * TURN_MS);
      assert.deepEqual(fired.slice(2), cancelLater ? ["last"] : ["later", "last"]);
    }
  });

  test("a new timer with no delay fires at the next tick, not in this one", () => {
    const { clock, timers } = wheel();
    let count = 0;
    const again = (): void => {
      count++;
      timers.schedule(0, again);
    };
    timers.schedule(0, again);
    clock.stall(10 * TICK_MS);
    const after = count;
    assert.ok(after >= 1 && after <= 11, `${after}`);
    clock.advance(TICK_MS);
    assert.equal(count, after + 1);
  });

  test("a throw is told and takes nobody with it", () => {
    const { clock, timers, errors } = wheel();
    let fired = 0;
    timers.schedule(10, () => fired++);
    timers.schedule(10, () => {
      throw new Error("callback");
    });
    timers.schedule(10, () => fired++);
    clock.advance(20);
    assert.equal(fired, 2);
    assert.equal((errors[0] as Error).message, "callback");
  });
});

describe("the drive", () => {
  function driven(): { clock: FakeClock; log: string[]; timers: TimerWheel; run: () => void } {
    const clock = new FakeClock();
    const log: string[] = [];
    let run = (): void => undefined;
    const drive = {
      arm: (delayMs: number, advance: () => void) => {
        run = advance;
        log.push(`arm ${Math.round(delayMs)}`);
      },
      idle: () => log.push("idle"),
    };
    return { clock, log, timers: new TimerWheel(clock, drive, () => undefined), run: () => run() };
  }

  test("is told when nothing is pending, and armed again by what comes next", () => {
    const { log, timers } = driven();
    const timer = timers.schedule(10, () => undefined);
    timers.cancel(timer);
    timers.cancel(timer);
    timers.schedule(50, () => undefined);
    assert.deepEqual(log, ["arm 10", "idle", "arm 50"]);
    assert.equal(timers.pending, 1);
  });

  test("is armed for the soonest, and not for what is due later", () => {
    const { clock, log, timers, run } = driven();
    timers.schedule(100, () => undefined);
    for (let i = 0; i < 10; i++) timers.cancel(timers.schedule(10_000, () => undefined));
    timers.schedule(40, () => undefined);
    assert.deepEqual(log.splice(0), ["arm 100", "arm 40"]);
    // It may run too soon; then it is armed for the rest.
    clock.stall(30);
    run();
    assert.deepEqual(log.splice(0), ["arm 10"]);
    clock.stall(10);
    run();
    assert.deepEqual(log.splice(0), ["arm 60"]);
    clock.stall(60);
    run();
    assert.deepEqual(log, ["idle"]);
  });

  test("that runs a moment too soon while nothing is pending leaves nothing to wait for behind", () => {
    const { clock, log, timers, run } = driven();
    timers.cancel(timers.schedule(20, () => undefined));
    clock.stall(19.6);
    run();
    clock.stall(80.4);
    timers.schedule(3_000, () => undefined);
    timers.schedule(150, () => undefined);
    assert.deepEqual(log, ["arm 20", "idle", "arm 3000", "arm 150"]);
  });

  test("looks again after a turn for what is due later than that", () => {
    const { clock, log, timers, run } = driven();
    timers.schedule(2.5 * TURN_MS, () => undefined);
    timers.schedule(10, () => undefined);
    clock.stall(10);
    run();
    assert.deepEqual(log, [`arm ${2.5 * TURN_MS}`, "arm 10", `arm ${TURN_MS}`]);
  });
});

test("after long idleness the wheel does not turn through what nobody waited for", () => {
  const { clock, timers } = wheel();
  clock.advance(1e12);
  let firedMs = 0;
  const dueMs = clock.nowMs() + 20;
  timers.schedule(20, () => (firedMs = clock.nowMs()));
  clock.advance(30);
  assert.ok(firedMs >= dueMs && firedMs <= dueMs + TICK_MS);
});
