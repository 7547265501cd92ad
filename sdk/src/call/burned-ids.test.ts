import assert from "node:assert/strict";
import { test } from "node:test";
import { BurnedIds } from "./burned-ids.ts";

test("an id is its owner's, and an owner forgets his own oldest", () => {
  const burned = new BurnedIds(10, 3);
  for (const id of ["a", "a", "b", "c", "d"]) burned.add("cart", id);
  assert.deepEqual(
    ["a", "b", "c", "d"].map((id) => burned.has("cart", id)),
    [false, true, true, true],
  );
  assert.equal(burned.has("web", "b"), false);
});

test("in all there are no more than so many", () => {
  const burned = new BurnedIds(4, 3);
  for (let i = 0; i < 50; i++) burned.add(`p${i}`, "x");
  const left = Array.from({ length: 50 }, (_, i) => burned.has(`p${i}`, "x")).filter(Boolean);
  assert.equal(left.length, 4);
});

test("however many have come, those that are remembered are the last ones", () => {
  const burned = new BurnedIds(100, 10);
  for (let i = 0; i < 500; i++) {
    burned.add("cart", `id${i}`);
    for (let back = 0; back < 15; back++)
      if (i - back >= 0) assert.equal(burned.has("cart", `id${i - back}`), back < 10, `id${i - back} after id${i}`);
  }
});
