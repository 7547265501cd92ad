import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestRuntime } from "../../testing/test-runtime.ts";
import {
  MAX_PARKED_BYTES,
  MAX_PARKED_BYTES_PER_PRINCIPAL,
  MAX_PARKED_CALLS,
  MAX_PARKED_CALLS_PER_PRINCIPAL,
  type Parked,
  Parking,
} from "./parking.ts";

function park(): {
  parking: Parking;
  clock: ReturnType<typeof createTestRuntime>["clock"];
  resumed: string[];
  wait: (service: string, name: string, waitMs?: number, bytes?: number, principal?: string) => Parked | string;
} {
  const { clock, timers } = createTestRuntime();
  const parking = new Parking(timers);
  const resumed: string[] = [];
  return {
    parking,
    clock,
    resumed,
    wait: (service, name, waitMs = 1_000, bytes = 0, principal = "web") =>
      parking.wait(service, principal, bytes, waitMs, () => resumed.push(name)),
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

/** Who waits, each with a share of its own. */
const caller = (i: number): string => `caller-${i % 5}`;

test("calls are bounded, and a place that is left is free again", () => {
  const { parking, wait } = park();
  const first = wait("s", "first", 1_000, 0, caller(0)) as Parked;
  for (let i = 1; i < MAX_PARKED_CALLS; i++) assert.equal(typeof wait("s", "x", 1_000, 0, caller(i)), "object");
  assert.equal(wait("s", "one too many"), "too many calls wait for instances");
  parking.leave(first);
  assert.equal(typeof wait("s", "again"), "object");
  assert.equal(typeof wait("other", "one too many"), "string");
});

test("bytes are bounded", () => {
  const { parking, wait } = park();
  const quarter = MAX_PARKED_BYTES / 4;
  const first = wait("s", "a", 1_000, quarter, "a") as Parked;
  for (const name of ["b", "c", "d"]) assert.equal(typeof wait("s", name, 1_000, quarter, name), "object");
  assert.equal(typeof wait("s", "e", 1_000, 1), "string");
  parking.leave(first);
  assert.equal(typeof wait("s", "e", 1_000, 1), "object");
});

test("one principal gets its share and no more, while the others wait beside it", () => {
  const { parking, wait } = park();
  const first = wait("s", "x", 1_000, 0, "greedy") as Parked;
  for (let i = 1; i < MAX_PARKED_CALLS_PER_PRINCIPAL; i++)
    assert.equal(typeof wait("s", "x", 1_000, 0, "greedy"), "object");
  assert.equal(wait("elsewhere", "x", 1_000, 0, "greedy"), "too many calls of greedy wait for instances");
  assert.equal(typeof wait("s", "x", 1_000, 0, "modest"), "object");
  parking.leave(first);
  assert.equal(typeof wait("s", "x", 1_000, 0, "greedy"), "object");
});

test("a principal's bytes are its share too, given back when its calls leave, by whichever way", () => {
  const { parking, clock, wait } = park();
  wait("s", "a", 100, MAX_PARKED_BYTES_PER_PRINCIPAL / 2, "greedy");
  wait("t", "b", 1_000, MAX_PARKED_BYTES_PER_PRINCIPAL / 2, "greedy");
  assert.equal(typeof wait("s", "c", 1_000, 1, "greedy"), "string");
  clock.advance(110);
  assert.equal(typeof wait("s", "c", 1_000, MAX_PARKED_BYTES_PER_PRINCIPAL / 2, "greedy"), "object");
  parking.serviceChanged("t");
  assert.equal(typeof wait("s", "d", 1_000, MAX_PARKED_BYTES_PER_PRINCIPAL / 2, "greedy"), "object");
  assert.equal(typeof wait("s", "e", 1_000, 1, "greedy"), "string");
});

test("a call that parks again while it is woken waits for the next change", () => {
  const { parking } = park();
  let woken = 0;
  const again = (): void => {
    woken++;
    if (woken < 5) parking.wait("s", "web", 0, 1_000, again);
  };
  parking.wait("s", "web", 0, 1_000, again);
  parking.serviceChanged("s");
  assert.equal(woken, 1);
  parking.serviceChanged("s");
  assert.equal(woken, 2);
});
