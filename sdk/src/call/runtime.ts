// What every part of one process shares: time, timers, chance, ids, telemetry. Made once, given to all.
import { randomFillSync } from "node:crypto";
import type { Telemetry } from "../telemetry/port.ts";
import { Refusals } from "../telemetry/refusals.ts";
import { type Clock, systemClock } from "./clock.ts";
import { IdSource } from "./id-source.ts";
import { StallClock } from "./stall-clock.ts";
import { type Timers, TimerWheel, timeoutDrive } from "./timer-wheel.ts";

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  /** In [0, 1). */
  readonly random: () => number;
  readonly ids: IdSource;
  readonly stall: StallClock;
  readonly telemetry: Telemetry;
  readonly refusals: Refusals;
}

/** The real thing: system clock, system chance. */
export function createRuntime(telemetry: Telemetry): Runtime {
  const stall = new StallClock(systemClock);
  stall.start();
  const timers = new TimerWheel(systemClock, timeoutDrive(), (error) =>
    telemetry.log.error({ err: error }, "a timer's callback failed"),
  );
  return {
    clock: systemClock,
    timers,
    random: Math.random,
    ids: new IdSource((pool) => randomFillSync(pool)),
    stall,
    telemetry,
    refusals: createRefusals(telemetry, systemClock, timers),
  };
}

/** Refusals in the time of a process. */
export function createRefusals(telemetry: Telemetry, clock: Clock, timers: Timers): Refusals {
  return new Refusals(
    telemetry,
    () => clock.nowMs(),
    (ms, call) => void timers.schedule(ms, call),
  );
}
