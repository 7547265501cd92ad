import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryKeyValue } from "../testing/memory-key-value.ts";
import { PatientKeyValue } from "./patient-key-value.ts";

const VALUE = new Uint8Array([1]);

/** A bucket whose first reads fail, and a clock that only its pauses move. */
function world(failures: number) {
  const bucket = new MemoryKeyValue();
  const get = bucket.get.bind(bucket);
  let now = 0;
  let reads = 0;
  bucket.get = async (key) => {
    if (++reads <= failures) throw new Error("timeout");
    return await get(key);
  };
  const pause = async (ms: number): Promise<void> => {
    now += ms;
  };
  const patient = new PatientKeyValue(bucket, { patienceMs: 1_000, nowMs: () => now, pause });
  return { bucket, patient, now: () => now };
}

test("a read is tried again until it is answered", async () => {
  const { patient, now } = world(3);
  await patient.put("a", VALUE, 0);
  assert.deepEqual((await patient.get("a"))?.value, VALUE);
  assert.equal(now(), 750);
});

test("patience ends, with the last error", async () => {
  const { patient, now } = world(Number.POSITIVE_INFINITY);
  await assert.rejects(patient.get("a"), /timeout/);
  assert.equal(now(), 1_000);
});

test("a write is tried once: what became of it is for its writer to find out", async () => {
  const { bucket, patient } = world(0);
  let writes = 0;
  bucket.put = async () => {
    writes++;
    return { type: "unknown", error: new Error("timeout") };
  };
  assert.equal((await patient.put("a", VALUE, 0)).type, "unknown");
  assert.equal(writes, 1);
});
