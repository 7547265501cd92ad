import assert from "node:assert/strict";
import { test } from "node:test";
import type { Server } from "nats";
import { DialOrder } from "./dial-order.ts";

const POOL = ["c", "a", "b"].map((src) => ({ src }) as Server);

function dials(order: DialOrder, count: number): string[] {
  return Array.from({ length: count }, () => order.next(POOL).src);
}

test("home first, then the others in their order, each once before any twice", () => {
  const order = new DialOrder(["a", "b", "c"]);
  assert.deepEqual(dials(order, 7), ["a", "b", "c", "a", "b", "c", "a"]);
  assert.equal(order.current, "a");
});

test("the server that was lost is asked after all others, also when it is home", () => {
  const order = new DialOrder(["a", "b", "c"]);
  dials(order, 1);
  order.lost();
  assert.deepEqual(dials(order, 3), ["b", "c", "a"]);
});

test("one that was lost long ago is asked before those that were lost since", () => {
  const order = new DialOrder(["a", "b", "c"]);
  for (const server of ["a", "b", "c"]) {
    assert.equal(order.next(POOL).src, server);
    order.lost();
  }
  assert.equal(order.next(POOL).src, "a");
});

test("dials follow at once for a while, then ever later, and at once again after the next loss", () => {
  const order = new DialOrder(["a", "b", "c"]);
  const pauses = (count: number, random01: number): number[] =>
    Array.from({ length: count }, () => {
      order.next(POOL);
      return order.pauseMs(random01);
    });
  assert.deepEqual(
    pauses(30, 1).filter((ms) => ms > 0),
    [],
    "ten times to each",
  );
  assert.deepEqual(pauses(6, 1), [100, 200, 400, 800, 1_000, 1_000]);
  assert.deepEqual(pauses(2, 0), [500, 500]);
  assert.deepEqual(new Set(pauses(2_000, 0.5)), new Set([750]));
  order.lost();
  assert.deepEqual(
    pauses(30, 1),
    Array.from({ length: 30 }, () => 0),
  );
});

test("with one server it is that one", () => {
  const order = new DialOrder(["a"]);
  const [, only] = POOL;
  assert.equal(order.next([only as Server]).src, "a");
  order.lost();
  assert.equal(order.next([only as Server]).src, "a");
});
