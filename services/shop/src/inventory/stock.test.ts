import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryBucket } from "../state/memory-bucket.ts";
import { countOf, FULL_STOCK, release, reserve } from "./stock.ts";

test("what is reserved is gone until it is released", async () => {
  const bucket = memoryBucket();
  await reserve(bucket, [{ productId: "tea-1", count: 3 }]);
  assert.equal(await countOf(bucket, "tea-1"), FULL_STOCK - 3);
  await release(bucket, [{ productId: "tea-1", count: 3 }]);
  assert.equal(await countOf(bucket, "tea-1"), FULL_STOCK);
});

test("a line that cannot be had gives back those before it", async () => {
  const bucket = memoryBucket();
  const lines = [
    { productId: "tea-1", count: 3 },
    { productId: "mugs-1", count: FULL_STOCK + 1 },
  ];
  await assert.rejects(reserve(bucket, lines), { status: "FAILED_PRECONDITION" });
  assert.equal(await countOf(bucket, "tea-1"), FULL_STOCK);
});

test("an empty shelf is filled again", async () => {
  const bucket = memoryBucket();
  await reserve(bucket, [{ productId: "tea-1", count: FULL_STOCK }]);
  assert.equal(await countOf(bucket, "tea-1"), FULL_STOCK);
});
