// Passive outlier detection, which is also the circuit breaker of an endpoint: after some failures in a row it is ejected
// (open), after its time one call at a time probes it (half-open), and a success takes it back (closed). The state is
// computed from the instant of asking: no timers. Envoy's consecutive-failure ejection, with Linkerd's probing.
import type { EndpointLoad } from "./balance/endpoint-load.ts";
import type { Outcome } from "./outcome.ts";

export interface OutlierSettings {
  /** Failures in a row that eject. */
  readonly consecutiveFailures: number;
  /** Length of the first ejection, in ms; the n-th takes n times as long. */
  readonly baseEjectionMs: number;
  /** No ejection is longer, in ms. */
  readonly maxEjectionMs: number;
  /** With more than this share of the candidates ejected, ejection is ignored. */
  readonly panicPercent: number;
}

/** What the endpoints of one service share: a number that changes with every ejection and return. */
export interface OutlierGroup {
  /** How many members are not closed; a member that was forgotten meanwhile may still be counted. */
  open: number;
  changes: number;
}

/** One endpoint's state. `untilMs` 0 is closed; before `untilMs` open; from then on half-open. */
export interface OutlierState {
  readonly group: OutlierGroup;
  failuresInRow: number;
  untilMs: number;
  /** How often it was ejected lately: one is forgiven for every `baseEjectionMs` of health. */
  ejections: number;
  returnedAtMs: number;
}

interface Candidate {
  readonly outlier: OutlierState;
  readonly load: EndpointLoad;
}

/** What is known of one list of candidates until a member changes or an ejection ends. */
interface View {
  readonly changes: number;
  readonly untilMs: number;
  readonly settings: OutlierSettings;
  readonly panic: boolean;
  readonly closed: readonly Candidate[];
  /** Each alone in a list of its own: the call that gets it is the probe. */
  readonly probes: readonly (readonly Candidate[])[];
}

/** Endpoints that were created without a group of their own. */
const commonGroup = createOutlierGroup();
const views = new WeakMap<readonly Candidate[], View>();

/** One per service keeps services from refreshing each other's views; leaving it out costs speed only. */
export function createOutlierGroup(): OutlierGroup {
  return { open: 0, changes: 0 };
}

export function createOutlierState(group: OutlierGroup = commonGroup): OutlierState {
  return { group, failuresInRow: 0, untilMs: 0, ejections: 0, returnedAtMs: 0 };
}

/** Takes the end of one attempt. Says if the endpoint was ejected by it or returned; what it says is for log and metric. */
export function recordOutcome(
  state: OutlierState,
  outcome: Outcome,
  settings: OutlierSettings,
  nowMs: number,
): "ejected" | "returned" | undefined {
  if (outcome === "success") return recordSuccess(state, nowMs);
  if (outcome === "failure") return recordFailure(state, settings, nowMs);
  return undefined;
}

function recordSuccess(state: OutlierState, nowMs: number): "returned" | undefined {
  state.failuresInRow = 0;
  // An answer while open belongs to a call from before, or to panic: the time of the ejection is served to its end.
  if (state.untilMs === 0 || nowMs < state.untilMs) return undefined;
  state.untilMs = 0;
  state.returnedAtMs = nowMs;
  state.group.open--;
  state.group.changes++;
  return "returned";
}

function recordFailure(state: OutlierState, settings: OutlierSettings, nowMs: number): "ejected" | undefined {
  if (state.untilMs === 0) {
    state.failuresInRow++;
    if (state.failuresInRow < settings.consecutiveFailures) return undefined;
    const forgiven = Math.floor(Math.max(0, nowMs - state.returnedAtMs) / Math.max(1, settings.baseEjectionMs));
    state.ejections = Math.max(0, state.ejections - forgiven);
    state.group.open++;
  } else if (nowMs < state.untilMs) return undefined;
  state.ejections++;
  state.failuresInRow = 0;
  // Never 0, which means closed.
  const lengthMs = Math.min(settings.baseEjectionMs * state.ejections, settings.maxEjectionMs);
  state.untilMs = nowMs + Math.max(1, lengthMs);
  state.group.changes++;
  return "ejected";
}

/**
 * Which candidates may get the next call. The list itself while nothing is ejected, in panic, or when nobody else is left:
 * the last one is never taken away. A half-open endpoint without a call in flight is returned alone: that call is its
 * probe. Callers keep the list as long as its members are the same, and do not change it: what is found is kept by it.
 */
export function eligible<T extends Candidate>(
  candidates: readonly T[],
  nowMs: number,
  settings: OutlierSettings,
): readonly T[] {
  const group = candidates[0]?.outlier.group;
  if (group === undefined || group.open <= 0 || candidates.length === 1) return candidates;
  let view = views.get(candidates);
  if (view === undefined || view.changes !== group.changes || nowMs >= view.untilMs || view.settings !== settings) {
    view = look(candidates, nowMs, settings, group.changes);
    views.set(candidates, view);
  }
  if (view.panic) return candidates;
  for (const probe of view.probes) {
    if ((probe[0] as Candidate).load.inFlight === 0) return probe as readonly T[];
  }
  return view.closed as readonly T[];
}

function look(candidates: readonly Candidate[], nowMs: number, settings: OutlierSettings, changes: number): View {
  const closed: Candidate[] = [];
  const probes: Candidate[][] = [];
  let untilMs = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const ends = candidate.outlier.untilMs;
    if (ends === 0) closed.push(candidate);
    else if (nowMs >= ends) probes.push([candidate]);
    else untilMs = Math.min(untilMs, ends);
  }
  const out = candidates.length - closed.length;
  const panic = closed.length === 0 || out * 100 > settings.panicPercent * candidates.length;
  return { changes, untilMs, settings, panic, closed: out === 0 ? candidates : closed, probes };
}
