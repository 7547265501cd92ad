// Durations and counts: whole numbers with bounds. Kubernetes discourages fractions, and nothing here needs them.
import { z } from "zod";
import { MAX_TIMEOUT_MS } from "../../contract/deadline.ts";

/** A duration in whole milliseconds, `min` (1) to the longest a call may take. */
export function durationMs(min = 1) {
  return z.int().min(min).max(MAX_TIMEOUT_MS);
}

export function count(min: number, max: number) {
  return z.int().min(min).max(max);
}
