// What the shoppers saw: counts, and latencies in buckets of 5 % width, so that memory is bounded however long they shop.
import { MeshError } from "@malla/sdk";

const GROWTH = Math.log(1.05);
/** From 10 microseconds to about 300 s. */
const LOWEST_MS = 0.01;
const BUCKETS = 360;

export interface LoadSnapshot {
  readonly calls: number;
  readonly succeeded: number;
  /** The shop's own no: a declined card, nothing in stock. */
  readonly refused: number;
  /** Lost by the mesh, or refused by it. */
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: Readonly<Record<string, number>>;
}

export class LoadStatistics {
  readonly #buckets = new Uint32Array(BUCKETS);
  readonly #failures = new Map<string, number>();
  #calls = 0;
  #refused = 0;
  #failed = 0;

  succeeded(durationMs: number): void {
    this.#count(durationMs);
  }

  failed(error: unknown, durationMs: number): void {
    this.#count(durationMs);
    if (error instanceof MeshError && error.reason === "application") {
      this.#refused++;
      return;
    }
    this.#failed++;
    const reason = error instanceof MeshError ? `${error.reason}: ${error.message}` : String(error);
    if (this.#failures.has(reason) || this.#failures.size < 50)
      this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
  }

  #count(durationMs: number): void {
    this.#calls++;
    const bucket = Math.floor(Math.log(Math.max(durationMs, LOWEST_MS) / LOWEST_MS) / GROWTH);
    const index = Math.min(bucket, BUCKETS - 1);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
  }

  snapshot(): LoadSnapshot {
    return {
      calls: this.#calls,
      succeeded: this.#calls - this.#refused - this.#failed,
      refused: this.#refused,
      failed: this.#failed,
      p50Ms: this.#quantile(0.5),
      p99Ms: this.#quantile(0.99),
      failures: Object.fromEntries(this.#failures),
    };
  }

  /** Upper bound of the bucket the quantile falls into, in ms. */
  #quantile(quantile: number): number {
    const rank = quantile * this.#calls;
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#buckets[i] ?? 0;
      if (seen >= rank && seen > 0) return Math.round(LOWEST_MS * Math.exp((i + 1) * GROWTH) * 100) / 100;
    }
    return 0;
  }
}
