// An open loop: calls at a fixed rate, as users make them. Each is measured from when it was meant to be sent, so that a stall
// counts against every call it held up, not against one (coordinated omission).
import { setTimeout as sleep } from "node:timers/promises";
import { Histogram } from "./histogram.ts";
import { DRAIN_MS, type LoadOptions, type LoadResult } from "./load.ts";
import { OpenSchedule } from "./open-schedule.ts";
import { startPacer } from "./pacer.ts";

export interface OpenLoopOptions extends LoadOptions {
  /** Calls a second. */
  readonly rate: number;
  /** Calls under way before further ones wait, still measured from when they were due. Default 10,000. */
  readonly maxOpen?: number;
  /** Beats the loop; a test gives its own. Default: a thread. */
  readonly pacer?: typeof startPacer;
  /** In ms; a test gives its own. */
  readonly now?: () => number;
}

const MAX_OPEN = 10_000;

/** Resolves when the last call has ended, or has been given up. Calls belong to the window in which they were due. */
export async function runOpenLoop(options: OpenLoopOptions): Promise<LoadResult> {
  const loop = new OpenLoop(options);
  const stop = (options.pacer ?? startPacer)(options.rate, () => loop.beat());
  await sleep(options.warmUpMs);
  loop.beginWindow();
  await sleep(options.durationMs);
  loop.endWindow();
  await stop();
  await loop.drained(options.drainMs ?? DRAIN_MS);
  return loop.result();
}

export class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #now: () => number;
  readonly #maxOpen: number;
  readonly #schedule: OpenSchedule;
  readonly #latency = new Histogram();
  #beganAtMs = Number.POSITIVE_INFINITY;
  #endedAtMs = Number.POSITIVE_INFINITY;
  #calls = 0;
  #failed = 0;
  #firstError: unknown;
  /** Intended instants of the calls under way. */
  readonly #open = new Set<{ readonly intendedMs: number }>();
  #onDrained: () => void = () => undefined;

  constructor(options: OpenLoopOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#maxOpen = options.maxOpen ?? MAX_OPEN;
    this.#schedule = new OpenSchedule(this.#now(), options.rate);
  }

  /** Sends what is due. */
  beat(nowMs = this.#now()): void {
    if (nowMs >= this.#endedAtMs) return;
    while (this.#open.size < this.#maxOpen) {
      const intendedMs = this.#schedule.take(nowMs);
      if (intendedMs === undefined) return;
      this.#send(intendedMs);
    }
  }

  #send(intendedMs: number): void {
    const entry = { intendedMs };
    this.#open.add(entry);
    this.#options.call((error) => {
      // Given up already.
      if (!this.#open.delete(entry)) return;
      if (error !== undefined) this.#firstError ??= error;
      if (this.#belongs(intendedMs)) this.#count(intendedMs, error);
      if (this.#open.size === 0) this.#onDrained();
    });
  }

  #belongs(intendedMs: number): boolean {
    return intendedMs >= this.#beganAtMs && intendedMs < this.#endedAtMs;
  }

  #count(intendedMs: number, error: unknown): void {
    this.#calls++;
    if (error !== undefined) this.#failed++;
    this.#latency.record(this.#now() - intendedMs);
  }

  beginWindow(): void {
    this.#options.onWindow?.("begin");
    this.#beganAtMs = this.#now();
  }

  endWindow(): void {
    const nowMs = this.#now();
    // What has fallen due by then is sent.
    this.beat(nowMs);
    this.#endedAtMs = nowMs;
    this.#options.onWindow?.("end");
  }

  async drained(withinMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    const late = new AbortController();
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve;
    });
    await Promise.race([drained, sleep(withinMs, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
  }

  /** What never ended has failed, and took as long as it was waited for. What was due and never sent has failed too. */
  result(): LoadResult {
    const unfinished = [...this.#open].map(({ intendedMs }) => intendedMs);
    this.#open.clear();
    for (let due = this.#schedule.take(this.#endedAtMs); due !== undefined; due = this.#schedule.take(this.#endedAtMs))
      unfinished.push(due);
    const lost = unfinished.filter((intendedMs) => this.#belongs(intendedMs));
    const error = new Error(`${lost.length} calls had not ended, or were not even sent, when waiting for them ended`);
    for (const intendedMs of lost) this.#count(intendedMs, error);
    if (lost.length > 0) this.#firstError ??= error;
    return {
      calls: this.#calls,
      failed: this.#failed,
      firstError: this.#firstError,
      elapsedMs: this.#endedAtMs - this.#beganAtMs,
      latency: this.#latency,
    };
  }
}
