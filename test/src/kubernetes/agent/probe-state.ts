// What the results of a probe, one after the other, come to.

export interface ProbeThresholds {
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
}

export interface ProbeState {
  /** What counts as true now; undefined: not known yet. */
  readonly holds: boolean | undefined;
  readonly last?: boolean;
  /** How many results in a row were like the last. */
  readonly run: number;
}

const DEFAULT_SUCCESSES = 1;
const DEFAULT_FAILURES = 3;

/** The state before the first result. */
export function probeState(holds: boolean | undefined): ProbeState {
  return { holds, run: 0 };
}

export function takeResult(state: ProbeState, success: boolean, limits: ProbeThresholds): ProbeState {
  const run = success === state.last ? state.run + 1 : 1;
  const limit = success
    ? (limits.successThreshold ?? DEFAULT_SUCCESSES)
    : (limits.failureThreshold ?? DEFAULT_FAILURES);
  return { holds: run >= limit ? success : state.holds, last: success, run };
}
