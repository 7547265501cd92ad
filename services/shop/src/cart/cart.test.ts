import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryBucket } from "../state/memory-bucket.ts";
import { addLine, clearCart, MAX_LINES, readCart } from "./cart.ts";

test("the same product twice is one line", async () => {
  const bucket = memoryBucket();
  await addLine(bucket, "anna", { productId: "tea-1", count: 2 });
  await addLine(bucket, "anna", { productId: "tea-1", count: 3 });
  assert.deepEqual(await readCart(bucket, "anna"), { lines: [{ productId: "tea-1", count: 5 }] });
  await clearCart(bucket, "anna");
  assert.deepEqual(await readCart(bucket, "anna"), { lines: [] });
});

test("a full cart takes no further product, but more of one it has", async () => {
  const bucket = memoryBucket();
  for (let i = 0; i < MAX_LINES; i++) await addLine(bucket, "anna", { productId: `p${i}`, count: 1 });
  await assert.rejects(addLine(bucket, "anna", { productId: "one-more", count: 1 }), { status: "FAILED_PRECONDITION" });
  assert.equal((await addLine(bucket, "anna", { productId: "p0", count: 1 })).lines.length, MAX_LINES);
});
