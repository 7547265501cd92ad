// Work between what a process has to do at once: a few milliseconds of it, then whatever came in meanwhile, then on.
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import type { Slices } from "../engine/index.ts";

/** Longest such piece, in ms; one step of the work and a collection of garbage may come on top. */
export const SLICE_MS = 4;

/** Time and turns, for tests that count. */
export interface Pacing {
  readonly nowMs: () => number;
  /** Lets everything that waits be done. */
  readonly pause: () => Promise<unknown>;
}

export const PACING: Pacing = { nowMs: () => performance.now(), pause: async () => setImmediate() };

/** Goes on for one piece. Returns the result once all is done, undefined before. */
export function runSlice<Result extends object>(slices: Slices<Result>, { nowMs }: Pacing): Result | undefined {
  const until = nowMs() + SLICE_MS;
  for (;;) {
    const { done, value } = slices.next();
    if (done === true) return value;
    if (nowMs() >= until) return undefined;
  }
}
