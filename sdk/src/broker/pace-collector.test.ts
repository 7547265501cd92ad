import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, PerformanceObserver } from "node:perf_hooks";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { garbageBytes, paceCollector } from "./pace-collector.ts";

const CHUNK_BYTES = 64 * 1024;

/** Full collections while so many chunks of memory outside of the heap are made and dropped. */
async function fullCollections(chunks: number, told: (bytes: number) => void): Promise<number> {
  let full = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as unknown as { detail: { kind: number } }[])
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++;
  });
  observer.observe({ entryTypes: ["gc"] });
  let held = 0;
  for (let n = 0; n < chunks; n++) {
    held += Buffer.allocUnsafeSlow(CHUNK_BYTES).length;
    told(CHUNK_BYTES);
    if (n % 16 === 0) await turn();
  }
  assert.equal(held, chunks * CHUNK_BYTES);
  await turn();
  observer.disconnect();
  return full;
}

test("makes two bytes of garbage for three outside, in pieces that are young", () => {
  paceCollector(24);
  assert.equal(garbageBytes(), 16);
  paceCollector(11);
  assert.equal(garbageBytes(), 16, "too little for a word is none");
  paceCollector(3 * 64 * 1024 + 24);
  assert.equal(garbageBytes(), 16, "what is left of two whole pieces");
});

test("a gigabyte outside of the heap goes by without a tenth of the full collections that it costs unpaced", async () => {
  const chunks = 1024 ** 3 / CHUNK_BYTES;
  const unpaced = await fullCollections(chunks, () => undefined);
  const paced = await fullCollections(chunks, paceCollector);
  // Where V8 has learnt to collect in time by itself this file can go.
  assert.ok(unpaced >= 8, `${unpaced} full collections unpaced`);
  assert.ok(paced * 10 <= unpaced, `${paced} full collections paced, ${unpaced} unpaced`);
});
