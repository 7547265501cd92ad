import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestRuntime } from "../../testing/test-runtime.ts";
import { MAX_PARKED_BYTES, MAX_PARKED_CALLS, type Parked, Parking } from "./parking.ts";

function park(): {
  parking: Parking;
  clock: ReturnType<typeof createTestRuntime>["clock"];
  resumed: string[];
  wait: (service: string, name: string, waitMs?: number, bytes?: number) => Parked | undefined;
} {
  const { clock, timers } = createTestRuntime();
  const parking = new Parking(timers);
  const resumed: string[] = [];
  return {
    parking,
    clock,
    resumed,
    wait: (service, name, waitMs = 1_000, bytes = 0) => parking.wait(service, bytes, waitMs, () => resumed.push(name)),
  };
}

test("a change of its service wakes a call at once, another's does not", () => {
  const { parking, resumed, wait } = park();
  wait("orders", "a");
  wait("orders", "b");
  wait("cart", "c");
  parking.serviceChanged("orders");
  assert.deepEqual(resumed, ["a", "b"]);
  parking.serviceChanged("orders");
  assert.equal(resumed.length, 2);
  assert.equal(parking.size, 1);
});

test("time wakes it too, once", () => {
  const { parking, clock, resumed, wait } = park();
  wait("orders", "a", 100);
  clock.advance(99);
  assert.deepEqual(resumed, []);
  clock.advance(6);
  assert.deepEqual(resumed, ["a"]);
  parking.serviceChanged("orders");
  clock.advance(10_000);
  assert.equal(resumed.length, 1);
});

test("who left is not woken, and may leave again", () => {
  const { parking, clock, resumed, wait } = park();
  const parked = wait("orders", "a") as Parked;
  parking.leave(parked);
  parking.leave(parked);
  parking.serviceChanged("orders");
  clock.advance(10_000);
  assert.deepEqual(resumed, []);
  assert.equal(parking.size, 0);
});

test("calls are bounded, and a place that is left is free again", () => {
  const { parking, wait } = park();
  const first = wait("s", "first") as Parked;
  for (let i = 1; i < MAX_PARKED_CALLS; i++) assert.notEqual(wait("s", "x"), undefined);
  assert.equal(wait("s", "one too many"), undefined);
  parking.leave(first);
  assert.notEqual(wait("s", "again"), undefined);
  assert.equal(wait("other", "one too many"), undefined);
});

test("bytes are bounded", () => {
  const { parking, wait } = park();
  const half = wait("s", "a", 1_000, MAX_PARKED_BYTES / 2) as Parked;
  assert.notEqual(wait("s", "b", 1_000, MAX_PARKED_BYTES / 2), undefined);
  assert.equal(wait("s", "c", 1_000, 1), undefined);
  parking.leave(half);
  assert.notEqual(wait("s", "c", 1_000, 1), undefined);
});

test("a call that parks again while it is woken waits for the next change", () => {
  const { parking } = park();
  let woken = 0;
  const again = (): void => {
    woken++;
    if (woken < 5) parking.wait("s", 0, 1_000, again);
  };
  parking.wait("s", 0, 1_000, again);
  parking.serviceChanged("s");
  assert.equal(woken, 1);
  parking.serviceChanged("s");
  assert.equal(woken, 2);
});
