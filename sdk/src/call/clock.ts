// Time as the call path knows it. Monotonic everywhere; the wall clock only for what crosses machines.
import { performance } from "node:perf_hooks";

export interface Clock {
  /** Monotonic ms with fractions; comparable within this process only. */
  nowMs(): number;
  /** Ms since 1970. It may jump. */
  wallMs(): number;
  /**
   * Ms since 1970 as this process saw it at its start, and monotonic from then on: for `Malla-Sent` and announcements, which
   * others compare by the offset they have measured, and which a clock that is set must not disturb.
   */
  stampMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  stampMs: () => performance.timeOrigin + performance.now(),
};
