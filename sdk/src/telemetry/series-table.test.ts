import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeriesTable, type SeriesTableOptions } from "./series-table.ts";

function table(options: Partial<SeriesTableOptions> = {}) {
  const clock = { nowMs: 0 };
  const overflow = { count: 0 };
  const made = new SeriesTable({
    labelNames: ["service", "reason"],
    constantLabels: {},
    slotCount: 1,
    maxSeries: 3,
    idleMs: 1000,
    nowMs: () => clock.nowMs,
    onOverflow: () => {
      overflow.count++;
    },
    ...options,
  });
  const add = (...labels: string[]) => {
    for (let i = 0; i < labels.length; i++) made.key[i] = labels[i] as string;
    const { slots } = made.current();
    slots[0] = (slots[0] as number) + 1;
  };
  const values = () =>
    Object.fromEntries([...made.collect()].map((series) => [series.path.join("/"), series.slots[0]]));
  return { made, add, values, clock, overflow };
}

test("each label set has its own number, and keeps its constant labels", () => {
  const { add, values, made } = table({ constantLabels: { router: "r1" } });
  add("a", "gone");
  add("b", "gone");
  add("a", "gone");
  add("a", "deadline");
  assert.deepEqual(values(), { "a/gone": 2, "b/gone": 1, "a/deadline": 1 });
  assert.deepEqual([...made.all()][0]?.labels, { router: "r1", service: "a", reason: "gone" });
});

test("past the cap open labels become _OTHER, closed ones stay, and known sets go on", () => {
  const { add, values, overflow } = table();
  for (const service of ["a", "b", "c", "d", "e", "d"]) add(service, "gone");
  add("f", "deadline");
  add("a", "gone");
  assert.deepEqual(values(), { "a/gone": 2, "b/gone": 1, "c/gone": 1, "_OTHER/gone": 3, "_OTHER/deadline": 1 });
  assert.equal(overflow.count, 4);
});

test("a set nobody observed for idleMs is forgotten and makes room", () => {
  const { add, values, clock } = table();
  for (const service of ["a", "b", "c"]) add(service, "gone");
  values();
  clock.nowMs = 900;
  add("a", "gone");
  values();
  clock.nowMs = 1100;
  assert.deepEqual(values(), { "a/gone": 2 });
  add("d", "gone");
  add("b", "gone");
  assert.deepEqual(values(), { "a/gone": 2, "d/gone": 1, "b/gone": 1 });
});

test("room is made without anybody collecting", () => {
  const { add, values, clock, overflow } = table({ idleMs: 15_000 });
  for (const service of ["a", "b", "c"]) add(service, "gone");
  add("d", "gone");
  clock.nowMs = 15_000;
  add("e", "gone");
  assert.equal(overflow.count, 1);
  assert.deepEqual(values(), { "_OTHER/gone": 1, "e/gone": 1 });
});

test("the cap is the same after _OTHER sets have come and gone", () => {
  const { add, values, clock } = table();
  for (let round = 1; round <= 3; round++) {
    for (const service of ["a", "b", "c", "d", "e"]) add(service, "gone");
    assert.deepEqual(values(), { "a/gone": 1, "b/gone": 1, "c/gone": 1, "_OTHER/gone": 2 });
    clock.nowMs += 1000;
    assert.deepEqual(values(), {});
  }
});

test("a service that fills its share goes on under its own name, and leaves the others theirs", () => {
  const { add, values, overflow, clock } = table({
    labelNames: ["service", "method", "reason"],
    maxSeries: 6,
    maxSeriesPerService: 3,
  });
  for (const method of ["a", "b", "c", "d", "e", "d"]) add("evil", method, "gone");
  for (const method of ["a", "b"]) add("orders", method, "gone");
  assert.deepEqual(values(), {
    "evil/a/gone": 1,
    "evil/b/gone": 1,
    "evil/c/gone": 1,
    "evil/_OTHER/gone": 3,
    "orders/a/gone": 1,
    "orders/b/gone": 1,
  });
  assert.equal(overflow.count, 3);
  // Full altogether: its name goes as well.
  add("evil", "f", "deadline");
  add("web", "a", "gone");
  assert.equal(values()["_OTHER/_OTHER/deadline"], 1);
  assert.equal(values()["_OTHER/_OTHER/gone"], 1);
  clock.nowMs = 1_000;
  assert.deepEqual(values(), {});
  for (const method of ["x", "y", "z"]) add("evil", method, "gone");
  assert.deepEqual(Object.keys(values()), ["evil/x/gone", "evil/y/gone", "evil/z/gone"]);
});

test("where the service is the only open label a share bounds nothing", () => {
  const { add, values } = table({ maxSeriesPerService: 1 });
  for (const reason of ["gone", "deadline"]) add("a", reason);
  assert.deepEqual(values(), { "a/gone": 1, "a/deadline": 1 });
});

test("what may not expire stays", () => {
  const { add, values, clock } = table({ mayExpire: (series) => series.slots[0] === 1 });
  add("a", "gone");
  add("b", "gone");
  add("b", "gone");
  values();
  clock.nowMs = 5000;
  assert.deepEqual(values(), { "b/gone": 2 });
});

test("a metric without labels has one number", () => {
  const { add, values, made } = table({ labelNames: [] });
  assert.equal(made.existing(), undefined);
  add();
  add();
  assert.deepEqual(values(), { "": 2 });
});

test("any order of observations, sweeps and expiry counts like a plain map, within the cap", () => {
  const step = fc.record({
    service: fc.constantFrom("a", "b", "c", "d", "_OTHER"),
    reason: fc.constantFrom("gone", "deadline"),
    waitMs: fc.constantFrom(0, 0, 0, 400, 20_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (steps, maxSeries) => {
      const { add, values, clock, made } = table({ maxSeries, idleMs: 1_000_000 });
      for (const { service, reason, waitMs } of steps) {
        clock.nowMs += waitMs;
        add(service, reason);
        const own = [...made.all()].filter((series) => series.path[0] !== "_OTHER");
        assert.ok(own.length <= maxSeries);
      }
      const total = Object.values(values()).reduce((sum: number, value) => sum + Number(value), 0);
      assert.equal(total, steps.length);
      clock.nowMs += 1_000_001;
      assert.deepEqual(values(), {});
      add("a", "gone");
      assert.deepEqual(values(), { "a/gone": 1 });
    }),
  );
});
