// A steady beat, finer than the millisecond of the event loop's own timers and without spinning.
import { Worker } from "node:worker_threads";

export const STOPPED = 0;
export const WOKEN = 1;

export interface PacerThreadData {
  readonly shared: Int32Array;
  readonly periodMs: number;
}

/** No beat is shorter than this, in ms: what falls due in between is sent together. */
const SHORTEST_MS = 0.2;

/** Calls `onBeat` about `perSecond` times a second, fewer if this thread is busy. Returns how to end it. */
export function startPacer(perSecond: number, onBeat: () => void): () => Promise<void> {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const data: PacerThreadData = { shared, periodMs: Math.max(1000 / perSecond, SHORTEST_MS) };
  // Beside this file, in the language this file is in: programs run compiled, tests run source.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`./pacer-thread.${extension}`, import.meta.url), { workerData: data });
  worker.on("message", () => {
    Atomics.store(shared, WOKEN, 0);
    onBeat();
  });
  return async () => {
    worker.removeAllListeners("message");
    Atomics.store(shared, STOPPED, 1);
    Atomics.notify(shared, STOPPED);
    await worker.terminate();
  };
}
