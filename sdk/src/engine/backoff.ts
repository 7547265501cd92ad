// How long to wait before the next attempt.

export interface FixedBackoff {
  readonly kind: "fixed";
  readonly delayMs: number;
}
export interface ExponentialBackoff {
  readonly kind: "exponential";
  readonly baseMs: number;
  readonly capMs: number;
}
export type Backoff = FixedBackoff | ExponentialBackoff;

/**
 * Delay in ms before retry number `retry` (0 for the first). Exponential is full jitter, between nothing and
 * `min(cap, base × 2^retry)` ("Exponential Backoff and Jitter", AWS Architecture Blog, 2015). `throttled` keeps half of it as
 * the least: who is told to slow down must not come back at once.
 */
export function backoffMs(backoff: Backoff, retry: number, random01: number, throttled: boolean): number {
  if (backoff.kind === "fixed") return backoff.delayMs;
  const ceilingMs = Math.min(backoff.capMs, backoff.baseMs * 2 ** retry);
  return throttled ? (ceilingMs / 2) * (1 + random01) : ceilingMs * random01;
}
