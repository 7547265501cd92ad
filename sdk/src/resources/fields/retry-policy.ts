import { z } from "zod";
import { setOf } from "./collections.ts";
import { count, durationMs } from "./numbers.ts";
import { exactlyOneOf, withRules } from "./rules.ts";

const CONDITIONS = ["unavailable", "deadline", "gone", "resource-exhausted", "internal", "unknown", "aborted"] as const;

function exponential() {
  const shape = z.strictObject({
    baseMs: durationMs().default(25).describe("Longest wait before the first retry, in ms; it doubles with each one."),
    capMs: durationMs().default(250).describe("No wait is longer, in ms."),
  });
  return withRules(shape, [
    {
      cel: "self.capMs >= self.baseMs",
      holds: ({ baseMs, capMs }) => capMs >= baseMs,
      message: "must be at least baseMs",
      at: "capMs",
    },
  ]);
}

function backoff() {
  const shape = z
    .strictObject({
      fixed: z
        .strictObject({ delayMs: durationMs(0).default(25).describe("Wait before each retry, in ms.") })
        .describe("The same wait each time.")
        .exactOptional(),
      exponential: exponential().describe("Full jitter: a random wait up to a bound that doubles.").exactOptional(),
    })
    .meta({ "x-kubernetes-map-type": "atomic" });
  return withRules(shape, [exactlyOneOf(["fixed", "exponential"])]);
}

function budget() {
  return z.strictObject({
    percent: count(0, 100).default(20).describe("Retries may be at most this share of calls."),
    minPerSecond: count(0, 1_000_000).default(10).describe("So many retries a second are free of that share."),
  });
}

/** Retries with budget, conditions and back-off, every default filled. */
export function retryPolicy() {
  return z.strictObject({
    attempts: count(0, 10).default(2).describe("Further attempts after the first; 0 turns retries off."),
    on: setOf(z.enum(CONDITIONS), { max: CONDITIONS.length, min: 0 })
      .default(["unavailable"])
      .describe("What is tried again, if the call may run twice or has not run at all."),
    backoff: backoff()
      .prefault({ exponential: { baseMs: 25, capMs: 250 } })
      .describe("How long to wait before each retry."),
    budget: budget()
      .prefault({ percent: 20, minPerSecond: 10 })
      .describe("How many retries there may be in all, per router."),
  });
}
