// A Runtime whose time and chance belong to the test.
import { IdSource } from "../call/id-source.ts";
import { createRefusals, type Runtime } from "../call/runtime.ts";
import { StallClock } from "../call/stall-clock.ts";
import { TimerWheel } from "../call/timer-wheel.ts";
import { noopTelemetry } from "../telemetry/noop.ts";
import type { Telemetry } from "../telemetry/port.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededFill, seededRandom } from "./seeded-random.ts";

export interface TestRuntimeOptions {
  /** Default 1. */
  readonly seed?: number;
  /** Default: none. */
  readonly telemetry?: Telemetry;
  /** Default: one of its own. Processes of one test share it. */
  readonly clock?: FakeClock;
}

export interface TestRuntime extends Runtime {
  readonly clock: FakeClock;
  readonly timers: TimerWheel;
  /** What timers' callbacks threw. */
  readonly timerErrors: unknown[];
}

/** Time stands still until `clock.advance`; chance and ids follow from the seed; only `clock.stall` looks like a stall. */
export function createTestRuntime({
  seed = 1,
  telemetry = noopTelemetry,
  clock = new FakeClock(),
}: TestRuntimeOptions = {}): TestRuntime {
  const timerErrors: unknown[] = [];
  const stall = new StallClock(clock);
  clock.drive().arm(0, () => stall.tick());
  const timers = new TimerWheel(clock, clock.drive(), (error) => timerErrors.push(error));
  return {
    clock,
    timers,
    timerErrors,
    random: seededRandom(seed),
    ids: new IdSource(seededFill(seed)),
    stall,
    telemetry,
    refusals: createRefusals(telemetry, clock, timers),
  };
}
