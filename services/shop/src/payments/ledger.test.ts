import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryBucket } from "../state/memory-bucket.ts";
import { charge, findPayment, refund } from "./ledger.ts";

test("an order is charged once, whoever asks how often", async () => {
  const bucket = memoryBucket();
  const first = await charge(bucket, "o1", 500, "5555");
  assert.deepEqual(await charge(bucket, "o1", 999, "5555"), first);
  assert.deepEqual(await findPayment(bucket, "o1"), { cents: 500, receipt: first.receipt, state: "CHARGED" });
});

test("a refund is given once, and only for what was charged", async () => {
  const bucket = memoryBucket();
  await charge(bucket, "o1", 500, "5555");
  assert.equal((await refund(bucket, "o1")).state, "REFUNDED");
  assert.equal((await refund(bucket, "o1")).cents, 500);
  await assert.rejects(refund(bucket, "o2"), { status: "NOT_FOUND" });
});

test("declined cards and empty sums are refused by the shop's own status", async () => {
  await assert.rejects(charge(memoryBucket(), "o1", 500, "4000-1"), { status: "FAILED_PRECONDITION" });
  await assert.rejects(charge(memoryBucket(), "o1", 0, "5555"), { status: "INVALID_ARGUMENT" });
});
