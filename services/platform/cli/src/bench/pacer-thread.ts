// Wakes its parent at a steady pace. A timer of the event loop knows whole milliseconds only; a thread may wait for less.
import { parentPort, workerData } from "node:worker_threads";
import { type PacerThreadData, STOPPED, WOKEN } from "./pacer.ts";

const { shared, periodMs } = workerData as PacerThreadData;
let nextMs = performance.now() + periodMs;
while (Atomics.load(shared, STOPPED) === 0) {
  const waitMs = nextMs - performance.now();
  if (waitMs > 0) Atomics.wait(shared, STOPPED, 0, waitMs);
  // A parent that has not seen the last one yet needs no other.
  if (Atomics.exchange(shared, WOKEN, 1) === 0) parentPort?.postMessage(0);
  nextMs = Math.max(nextMs + periodMs, performance.now());
}
