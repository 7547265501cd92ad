// Deadlines travel as remaining milliseconds and live as instants of the local monotonic clock.

/** A call without a deadline of its own has this long, in ms. */
export const DEFAULT_TIMEOUT_MS = 10_000;
/** No call may ask for more, in ms. */
export const MAX_TIMEOUT_MS = 300_000;

/**
 * Reads `Malla-Timeout`: whole milliseconds, 1 to 9 digits. Returns undefined if it is nonsense (the call is then
 * refused); more than the cap is cut to the cap.
 */
export function parseTimeoutMs(text: string): number | undefined {
  if (!/^\d{1,9}$/.test(text)) return undefined;
  return Math.min(Number(text), MAX_TIMEOUT_MS);
}

/** Remaining time for the wire: rounded down to whole milliseconds, so that a deadline never grows on its way. */
export function formatTimeoutMs(remainingMs: number): string {
  return String(Math.max(0, Math.floor(remainingMs)));
}
