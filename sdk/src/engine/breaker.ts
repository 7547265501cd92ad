// The breaker's words for an endpoint's ejection: there is one mechanism, and this is what metrics call its states.
import type { OutlierState } from "./outlier.ts";

/** `closed`: traffic flows. `open`: refused. `half-open`: one call at a time probes. */
export type BreakerState = "closed" | "open" | "half-open";

export function breakerStateOf(state: OutlierState, nowMs: number): BreakerState {
  if (state.untilMs === 0) return "closed";
  return nowMs < state.untilMs ? "open" : "half-open";
}
