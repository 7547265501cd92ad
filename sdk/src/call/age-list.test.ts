import assert from "node:assert/strict";
import { test } from "node:test";
import { AgeList, type Link } from "./age-list.ts";

test("any can be taken out, and the rest keep their order", () => {
  const list = new AgeList<number>();
  const links = [0, 1, 2, 3, 4].map((n) => list.add(n));
  const take = (n: number): void => list.remove(links[n] as Link<number>);
  assert.deepEqual([...list], [0, 1, 2, 3, 4]);
  take(2);
  assert.deepEqual([...list], [0, 1, 3, 4]);
  take(0);
  assert.equal(list.oldest, 1);
  take(4);
  list.add(5);
  assert.deepEqual([...list], [1, 3, 5]);
});

test("an empty one has no oldest, and can be filled again", () => {
  const list = new AgeList<string>();
  assert.equal(list.oldest, undefined);
  list.remove(list.add("a"));
  assert.equal(list.oldest, undefined);
  assert.deepEqual([...list], []);
  list.add("b");
  assert.equal(list.oldest, "b");
});
