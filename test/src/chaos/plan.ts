// Which fault when, from a seed: the same seed gives the same plan, whatever the mesh does meanwhile.
import type { FaultName } from "./faults.ts";

export interface Step {
  /** Waits so long after the step before it has begun, or in the other lane: has ended, in ms. */
  readonly pauseMs: number;
  readonly fault: FaultName;
  /** In [0, 1): chooses the victim. */
  readonly chance: number;
}

/** Two lanes that run side by side. */
export interface Plan {
  /** One a second, over in an instant. */
  readonly kills: readonly Step[];
  /** One after the other, each with a rest after it. */
  readonly troubles: readonly Step[];
}

export interface PlanOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly kills: readonly FaultName[];
  readonly troubles: readonly FaultName[];
}

const KILL_EVERY_MS = 1_000;
const LONGEST_REST_MS = 3_000;

/** Enough steps for the time, were each over at once. */
export function makePlan({ seed, durationMs, kills, troubles }: PlanOptions): Plan {
  const random = mulberry32(seed);
  const draw = (faults: readonly FaultName[], pauseMs: number): Step => ({
    pauseMs,
    fault: faults[Math.floor(random() * faults.length)] as FaultName,
    chance: random(),
  });
  const steps = Math.ceil(durationMs / KILL_EVERY_MS);
  return {
    kills: kills.length === 0 ? [] : Array.from({ length: steps }, () => draw(kills, KILL_EVERY_MS)),
    troubles:
      troubles.length === 0
        ? []
        : Array.from({ length: steps }, () => draw(troubles, Math.round(500 + random() * LONGEST_REST_MS))),
  };
}

/** Tommy Ettinger's mulberry32: 32 bits of state are plenty for a plan. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
