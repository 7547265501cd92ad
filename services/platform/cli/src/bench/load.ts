// What both kinds of load share: what is called, what comes out of it, and the window in which it is measured.
import type { Histogram } from "./histogram.ts";

/** Begins one call and says when it has ended, once, never before it returns. `error` is what went wrong, if anything did. */
export type Call = (done: (error?: unknown) => void) => void;

export interface LoadOptions {
  readonly call: Call;
  /** Calls are made, and not counted, for so long before, in ms. */
  readonly warmUpMs: number;
  /** Calls are counted for so long, in ms. */
  readonly durationMs: number;
  /** Told when counting begins and when it ends, in between two calls. */
  readonly onWindow?: (edge: "begin" | "end") => void;
  /** What is open after so long, once counting has ended, has failed. Default 10,000 ms. */
  readonly drainMs?: number;
}

export interface LoadResult {
  /** Calls that ended within the window, failed ones too. */
  readonly calls: number;
  readonly failed: number;
  /** What went wrong first. */
  readonly firstError: unknown;
  /** How long the window really was, in ms. */
  readonly elapsedMs: number;
  readonly latency: Histogram;
}

export const DRAIN_MS = 10_000;

/** The numbers of a run, as they are printed. */
export interface LoadSummary {
  readonly calls: number;
  readonly failed: number;
  readonly seconds: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export function summarise({ calls, failed, elapsedMs, latency }: LoadResult): LoadSummary {
  return {
    calls,
    failed,
    seconds: elapsedMs / 1000,
    callsPerSecond: elapsedMs > 0 ? (calls * 1000) / elapsedMs : 0,
    p50Ms: latency.quantileMs(0.5),
    p99Ms: latency.quantileMs(0.99),
    p999Ms: latency.quantileMs(0.999),
    maxMs: latency.maxMs,
  };
}
