// A runtime for tests: fake time, seeded chance, telemetry that remembers.
import { IdSource } from "../call/id-source.ts";
import type { Runtime } from "../call/runtime.ts";
import { StallClock } from "../call/stall-clock.ts";
import { noopTelemetry } from "../telemetry/noop.ts";
import type { Telemetry } from "../telemetry/port.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededFill, seededRandom } from "./seeded-random.ts";

export interface FakeRuntime extends Runtime {
  readonly clock: FakeClock;
}

export function fakeRuntime(seed = 1, telemetry: Telemetry = noopTelemetry): FakeRuntime {
  const clock = new FakeClock();
  return {
    clock,
    timers: clock.timers(),
    random: seededRandom(seed),
    ids: new IdSource(seededFill(seed)),
    stall: new StallClock(clock),
    telemetry,
  };
}
