// Does to a world what a plan says, for a time, and counts it.
import { setTimeout as sleep } from "node:timers/promises";
import { FAULTS, type FaultName } from "./faults.ts";
import type { Plan, Step } from "./plan.ts";
import type { World } from "./world.ts";

/** Resolves to how often each fault was done. A fault that has begun is ended before. */
export async function runPlan(
  world: World,
  { kills, troubles }: Plan,
  durationMs: number,
): Promise<Record<string, number>> {
  const endAt = performance.now() + durationMs;
  const counts: Record<string, number> = {};
  const count = (fault: FaultName): void => {
    counts[fault] = (counts[fault] ?? 0) + 1;
  };
  const lane = async (steps: readonly Step[]): Promise<void> => {
    for (const { pauseMs, fault, chance } of steps) {
      if (performance.now() + pauseMs >= endAt) break;
      await sleep(pauseMs);
      count(fault);
      await FAULTS[fault](world, chance);
    }
    await sleep(Math.max(0, endAt - performance.now()));
  };
  await Promise.all([lane(kills), lane(troubles)]);
  return counts;
}
