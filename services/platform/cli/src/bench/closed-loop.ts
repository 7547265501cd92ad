// A closed loop: so many callers, each with one call at a time, the next as soon as the last has ended.
import { setTimeout as sleep } from "node:timers/promises";
import { Histogram } from "./histogram.ts";
import { DRAIN_MS, type LoadOptions, type LoadResult } from "./load.ts";

export interface ClosedLoopOptions extends LoadOptions {
  readonly concurrency: number;
}

/** Resolves when the last call has ended, or has been given up. */
export async function runClosedLoop(options: ClosedLoopOptions): Promise<LoadResult> {
  const loop = new ClosedLoop(options);
  loop.start();
  await sleep(options.warmUpMs);
  const beganAtMs = loop.beginWindow();
  await sleep(options.durationMs);
  const elapsedMs = loop.endWindow() - beganAtMs;
  await loop.drained(options.drainMs ?? DRAIN_MS);
  const { calls, failed, firstError, latency } = loop;
  return { calls, failed, firstError, elapsedMs, latency };
}

class ClosedLoop {
  readonly latency = new Histogram();
  calls = 0;
  failed = 0;
  firstError: unknown;
  readonly #options: ClosedLoopOptions;
  #counting = false;
  #running = true;
  #open = 0;
  #onDrained: () => void = () => undefined;

  constructor(options: ClosedLoopOptions) {
    this.#options = options;
  }

  start(): void {
    for (let i = 0; i < this.#options.concurrency; i++) this.#startCaller();
  }

  /** One closure for all calls of one caller. */
  #startCaller(): void {
    const { call } = this.#options;
    let startedAtMs = 0;
    const done = (error?: unknown): void => {
      const nowMs = performance.now();
      if (this.#counting) this.#count(nowMs - startedAtMs, error);
      else if (error !== undefined) this.firstError ??= error;
      if (!this.#running) {
        if (--this.#open === 0) this.#onDrained();
        return;
      }
      // What fails at once, in a promise, would otherwise leave no time for anything else.
      if (error !== undefined) return void setImmediate(begin);
      startedAtMs = nowMs;
      call(done);
    };
    const begin = (): void => {
      startedAtMs = performance.now();
      call(done);
    };
    this.#open++;
    begin();
  }

  #count(ms: number, error: unknown): void {
    this.calls++;
    this.latency.record(ms);
    if (error === undefined) return;
    this.failed++;
    this.firstError ??= error;
  }

  beginWindow(): number {
    this.#counting = true;
    this.#options.onWindow?.("begin");
    return performance.now();
  }

  endWindow(): number {
    const endedAtMs = performance.now();
    this.#options.onWindow?.("end");
    this.#counting = false;
    this.#running = false;
    return endedAtMs;
  }

  /** What never ends has failed. */
  async drained(withinMs: number): Promise<void> {
    if (this.#open === 0) return;
    const late = new AbortController();
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve;
    });
    await Promise.race([drained, sleep(withinMs, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    if (this.#open === 0) return;
    this.calls += this.#open;
    this.failed += this.#open;
    this.firstError ??= new Error(`${this.#open} calls had not ended ${withinMs} ms after the last one was begun`);
  }
}
