// Time as the call path knows it. Monotonic everywhere; the wall clock only for what crosses machines.
import { performance } from "node:perf_hooks";

export interface Clock {
  /** Monotonic ms with fractions; comparable within this process only. */
  nowMs(): number;
  /** Ms since 1970; for `Malla-Sent` and announcements. */
  wallMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
};
