// Whether a failed attempt is tried again, and when. A function of values: whoever dispatches sleeps and sends.
import type { RetryCondition } from "../contract/documents.ts";
import { type Reason, reasonTable, retryRuleOf } from "../contract/reasons.ts";
import type { Status } from "../contract/status.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import type { BudgetTerms, RetryBudget } from "./retry-budget.ts";

/** Attempts that never started and go elsewhere at once, at most, per call; after that they count like any retry. */
export const MAX_FREE_RETRIES = 5;
/**
 * Attempts lost together with their instance that are made again free of budget, per call. What was lost is no longer anybody's
 * load, so its first retry takes a place and adds none; a host cut off takes seconds of calls along, far more than a budget that is
 * meant for added load. A call that loses a second instance may be why they go, and is counted.
 */
export const MAX_FREE_LOSSES = 1;

export interface RetryPlan {
  /** Further attempts after the first. */
  readonly attempts: number;
  readonly on: ReadonlySet<RetryCondition>;
  readonly backoff: Backoff;
  readonly budget: BudgetTerms;
  /**
   * Whether a policy says so, and not the default. A policy's conditions hold for statuses of the application and for
   * thrown errors too; the default repeats only what the mesh itself lost or refused.
   */
  readonly explicit: boolean;
}

export interface FailedAttempt {
  /** Attempts made so far; 1 after the first. */
  readonly attempt: number;
  readonly reason: Reason;
  /** Needed for `application`; else it follows from the reason. */
  readonly status?: Status | undefined;
  /** Whether the handler may have run, if the sender knows better than the table of reasons. */
  readonly mayHaveRun?: boolean | undefined;
  /** The method is idempotent, or the call carries an idempotency key that was claimed. */
  readonly idempotent: boolean;
  /** Until the call's deadline. */
  readonly remainingMs: number;
  /** What the refusing side asked for. */
  readonly retryAfterMs?: number | undefined;
  /** How many attempts of this call ended `not-started`, this one included. */
  readonly notStartedCount: number;
  /** How many attempts of this call ended `gone`, this one included. */
  readonly lostCount: number;
  /** How many instances could take the call, if known: a call goes free of budget once to each. */
  readonly instances?: number | undefined;
}

/** Why a call is not tried again; for the log and the span. */
export type StopReason = "deadline" | "not-retryable" | "not-idempotent" | "condition" | "attempts" | "budget";
export type RetryDecision =
  | { readonly retry: true; readonly delayMs: number }
  | { readonly retry: false; readonly why: StopReason };

const AT_ONCE: RetryDecision = Object.freeze({ retry: true, delayMs: 0 });
const STOP = Object.freeze({
  deadline: stop("deadline"),
  notRetryable: stop("not-retryable"),
  notIdempotent: stop("not-idempotent"),
  condition: stop("condition"),
  attempts: stop("attempts"),
  budget: stop("budget"),
});

function stop(why: StopReason): RetryDecision {
  return Object.freeze({ retry: false, why });
}

/**
 * Decides on the next attempt. What did not start goes elsewhere at once, free of budget but capped. Everything else needs
 * its condition in the plan, an idempotent call if it may have run, an attempt left, and, but for a first loss, budget; it waits
 * by the back-off, at least as long as the refusing side asked, and never past the deadline. Budget is taken only if the answer
 * is yes.
 */
export function nextAttempt(
  plan: RetryPlan,
  failed: FailedAttempt,
  budget: RetryBudget,
  random01: number,
  nowMs: number,
): RetryDecision {
  if (!(failed.remainingMs > 0)) return STOP.deadline;
  const mayHaveRun = failed.mayHaveRun ?? mayHaveRunBy(failed.reason);
  const freeCap = Math.min(
    MAX_FREE_RETRIES,
    failed.instances === undefined ? MAX_FREE_RETRIES : Math.max(0, failed.instances - 1),
  );
  if (failed.reason === "not-started" && !mayHaveRun && failed.notStartedCount <= freeCap) return AT_ONCE;
  if (!isRetryable(plan, failed.reason)) return STOP.notRetryable;
  if (mayHaveRun && !failed.idempotent) return STOP.notIdempotent;
  if (!meetsCondition(plan, failed)) return STOP.condition;
  const retriesMade = Math.max(0, failed.attempt - 1 - Math.min(failed.notStartedCount, freeCap));
  if (retriesMade >= plan.attempts) return STOP.attempts;
  const delayMs = delayOf(plan, failed, retriesMade, random01);
  if (delayMs >= failed.remainingMs) return STOP.deadline;
  const isFree = failed.reason === "gone" && failed.lostCount <= MAX_FREE_LOSSES;
  return isFree || budget.takeRetry(plan.budget, nowMs) ? { retry: true, delayMs } : STOP.budget;
}

function mayHaveRunBy(reason: Reason): boolean {
  return reason === "application" || reasonTable[reason].mayHaveRun;
}

/** A caller that gave up is never served again; what the table rules out only a policy brings back, and only if it ran. */
function isRetryable(plan: RetryPlan, reason: Reason): boolean {
  if (reason === "cancelled") return false;
  if (retryRuleOf(reason) !== "no") return true;
  return plan.explicit && (reason === "application" || reason === "handler" || reason === "internal");
}

const CONDITION_OF: Partial<Record<Status, RetryCondition>> = {
  UNAVAILABLE: "unavailable",
  DEADLINE_EXCEEDED: "deadline",
  RESOURCE_EXHAUSTED: "resource-exhausted",
  INTERNAL: "internal",
  UNKNOWN: "unknown",
  ABORTED: "aborted",
};

/** `unavailable` covers `gone`, whose status it is; `gone` alone is narrower. */
function meetsCondition(plan: RetryPlan, failed: FailedAttempt): boolean {
  if (failed.reason === "gone" && plan.on.has("gone")) return true;
  const condition = conditionOf(failed);
  return condition !== undefined && plan.on.has(condition);
}

function conditionOf({ reason, status }: FailedAttempt): RetryCondition | undefined {
  const known = reason === "application" ? status : reasonTable[reason].status;
  return known === undefined ? undefined : CONDITION_OF[known];
}

function delayOf(plan: RetryPlan, failed: FailedAttempt, retriesMade: number, random01: number): number {
  const throttled = conditionOf(failed) === "resource-exhausted";
  const delayMs = backoffMs(plan.backoff, retriesMade, random01, throttled);
  const askedMs = failed.retryAfterMs;
  // Jitter comes on top of what was asked for, so that those who were told the same do not come back together.
  return askedMs !== undefined && askedMs > 0 ? askedMs + delayMs : delayMs;
}
