import assert from "node:assert/strict";
import { test } from "node:test";
import { ArrivedQueue, MAX_ARRIVED } from "./arrived-queue.ts";

function queue(onTurn: (item: { readonly id: string }) => void = () => undefined) {
  const errors: unknown[] = [];
  const turn = new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return { queue: new ArrivedQueue(onTurn, (error) => errors.push(error)), errors, turn };
}

test("items have their turn later, in order, though one of them throws", async () => {
  const seen: string[] = [];
  const q = queue(({ id }) => {
    seen.push(id);
    if (id === "b") throw new Error("b");
  });
  for (const id of ["a", "b", "c"]) assert.ok(q.queue.add({ id }));
  assert.deepEqual([seen, q.queue.size, [...q.queue.ids()]], [[], 3, ["a", "b", "c"]]);
  await q.turn;
  assert.deepEqual([seen, q.queue.size, q.errors.length], [["a", "b", "c"], 0, 1]);
});

test("so many and no more, until they had their turn", async () => {
  const q = queue();
  for (let i = 0; i < MAX_ARRIVED; i++) assert.ok(q.queue.add({ id: `i${i}` }));
  assert.equal(q.queue.add({ id: "one too many" }), false);
  await q.turn;
  assert.ok(q.queue.add({ id: "again" }));
});
