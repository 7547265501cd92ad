// What every part of one process shares: time, timers, chance, ids, telemetry. Made once, given to all.
import { randomFillSync } from "node:crypto";
import type { Telemetry } from "../telemetry/port.ts";
import { type Clock, systemClock } from "./clock.ts";
import { IdSource } from "./id-source.ts";
import { StallClock } from "./stall-clock.ts";
import { intervalDrive, type Timers, TimerWheel } from "./timer-wheel.ts";

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  /** In [0, 1). */
  readonly random: () => number;
  readonly ids: IdSource;
  readonly stall: StallClock;
  readonly telemetry: Telemetry;
}

/** The real thing: system clock, system chance. */
export function createRuntime(telemetry: Telemetry): Runtime {
  const stall = new StallClock(systemClock);
  stall.start();
  return {
    clock: systemClock,
    timers: new TimerWheel(systemClock, intervalDrive(), (error) =>
      telemetry.log.error({ err: error }, "a timer's callback failed"),
    ),
    random: Math.random,
    ids: new IdSource((pool) => randomFillSync(pool)),
    stall,
    telemetry,
  };
}
