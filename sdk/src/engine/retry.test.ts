import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type MeshReason, type Reason, reasonTable, STATUSES } from "../contract/index.ts";
import { DEFAULT_RETRY_PLAN } from "./default-settings.ts";
import {
  type FailedAttempt,
  MAX_FREE_LOSSES,
  MAX_FREE_RETRIES,
  nextAttempt,
  type RetryDecision,
  type RetryPlan,
} from "./retry.ts";
import { RetryBudget } from "./retry-budget.ts";

const REASONS = [...(Object.keys(reasonTable) as MeshReason[]), "application"] as readonly Reason[];
const failed: FailedAttempt = {
  attempt: 1,
  reason: "gone",
  idempotent: true,
  remainingMs: 5_000,
  notStartedCount: 0,
  lostCount: 1,
};
const explicit: RetryPlan = {
  ...DEFAULT_RETRY_PLAN,
  explicit: true,
  on: new Set(["unavailable", "deadline", "gone", "resource-exhausted", "internal", "unknown", "aborted"]),
};

function decide(
  change: Partial<FailedAttempt>,
  plan: RetryPlan = DEFAULT_RETRY_PLAN,
  random01 = 0.5,
  budget = new RetryBudget(),
): RetryDecision {
  return nextAttempt(plan, { ...failed, ...change }, budget, random01, 0);
}

function outcome(decision: RetryDecision): string | number {
  return decision.retry ? decision.delayMs : decision.why;
}

describe("nextAttempt", () => {
  const cases: readonly { name: string; given: Partial<FailedAttempt>; plan?: RetryPlan; want: string | number }[] = [
    { name: "a lost call, idempotent", given: {}, want: 12.5 },
    { name: "its second retry", given: { attempt: 2 }, want: 25 },
    { name: "no third one", given: { attempt: 3 }, want: "attempts" },
    { name: "a lost call, not idempotent", given: { idempotent: false }, want: "not-idempotent" },
    {
      name: "a lost call of which its sender knows that it never ran",
      given: { idempotent: false, mayHaveRun: false },
      want: 12.5,
    },
    { name: "a try that took too long", given: { reason: "deadline" }, want: 12.5 },
    {
      name: "a try that took too long, not idempotent",
      given: { reason: "deadline", idempotent: false },
      want: "not-idempotent",
    },
    { name: "a call whose time is up", given: { remainingMs: 0 }, want: "deadline" },
    { name: "less time left than the back-off", given: { remainingMs: 12 }, want: "deadline" },
    { name: "a nack", given: { reason: "not-started", notStartedCount: 1, idempotent: false }, want: 0 },
    {
      name: "a nack where retries are off",
      given: { reason: "not-started", notStartedCount: 1 },
      plan: { ...explicit, attempts: 0 },
      want: 0,
    },
    { name: "the fifth nack", given: { reason: "not-started", notStartedCount: 5, attempt: 5 }, want: 0 },
    { name: "the sixth counts", given: { reason: "not-started", notStartedCount: 6, attempt: 6 }, want: 12.5 },
    {
      name: "the eighth is one too many",
      given: { reason: "not-started", notStartedCount: 8, attempt: 8 },
      want: "attempts",
    },
    {
      name: "a nack of the last of two instances waits",
      given: { reason: "not-started", notStartedCount: 2, attempt: 2, instances: 2 },
      want: 12.5,
    },
    {
      name: "a nack of the only instance waits",
      given: { reason: "not-started", notStartedCount: 1, instances: 1 },
      want: 12.5,
    },
    { name: "a loss after a nack is the first that counts", given: { notStartedCount: 1, attempt: 2 }, want: 12.5 },
    { name: "a full router keeps half the back-off", given: { reason: "overloaded", idempotent: false }, want: 18.75 },
    {
      name: "who asks for time gets it, and jitter on top",
      given: { reason: "overloaded", retryAfterMs: 300 },
      want: 318.75,
    },
    { name: "who asks for more than is left", given: { reason: "overloaded", retryAfterMs: 4_990 }, want: "deadline" },
    { name: "nobody there", given: { reason: "no-instance", idempotent: false }, want: 12.5 },
    { name: "a rate limit", given: { reason: "rate-limited" }, plan: explicit, want: "not-retryable" },
    { name: "a denial", given: { reason: "denied" }, plan: explicit, want: "not-retryable" },
    { name: "a caller that gave up", given: { reason: "cancelled" }, plan: explicit, want: "not-retryable" },
    {
      name: "an application's status, by default",
      given: { reason: "application", status: "UNAVAILABLE" },
      want: "not-retryable",
    },
    {
      name: "an application's status a policy names",
      given: { reason: "application", status: "ABORTED" },
      plan: explicit,
      want: 12.5,
    },
    {
      name: "an application's status no policy can name",
      given: { reason: "application", status: "NOT_FOUND" },
      plan: explicit,
      want: "condition",
    },
    {
      name: "an application's status unknown to the sender",
      given: { reason: "application" },
      plan: explicit,
      want: "condition",
    },
    { name: "a thrown error, by default", given: { reason: "handler" }, want: "not-retryable" },
    { name: "a thrown error a policy names", given: { reason: "handler" }, plan: explicit, want: 12.5 },
    { name: "unavailable covers gone", given: {}, plan: { ...explicit, on: new Set(["unavailable"]) }, want: 12.5 },
    { name: "gone alone is gone", given: {}, plan: { ...explicit, on: new Set(["gone"]) }, want: 12.5 },
    {
      name: "gone alone is not no-instance",
      given: { reason: "no-instance" },
      plan: { ...explicit, on: new Set(["gone"]) },
      want: "condition",
    },
    { name: "no condition at all", given: {}, plan: { ...explicit, on: new Set() }, want: "condition" },
  ];
  for (const { name, given, plan, want } of cases) {
    it(`decides on ${name}`, () => assert.equal(outcome(decide(given, plan)), want));
  }

  const plans = fc.constantFrom(DEFAULT_RETRY_PLAN, explicit, { ...explicit, attempts: 10 });
  const attempts = fc.record({
    attempt: fc.integer({ min: 1, max: 20 }),
    reason: fc.constantFrom(...REASONS),
    status: fc.option(fc.constantFrom(...STATUSES), { nil: undefined }),
    mayHaveRun: fc.constantFrom(undefined, true),
    idempotent: fc.boolean(),
    remainingMs: fc.oneof(fc.integer({ min: -10, max: 2_000 }), fc.constant(Number.NaN)),
    retryAfterMs: fc.option(fc.integer({ min: -1, max: 3_000 }), { nil: undefined }),
    notStartedCount: fc.integer({ min: 0, max: 20 }),
    lostCount: fc.integer({ min: 0, max: 20 }),
    instances: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
  });
  const chance = fc.double({ min: 0, max: 0.999_999, noNaN: true });

  it("never repeats a call that may have run and is not idempotent", () => {
    fc.assert(
      fc.property(plans, attempts, chance, (plan, given, random01) => {
        const mayHaveRun =
          given.mayHaveRun === true || given.reason === "application" || reasonTable[given.reason].mayHaveRun;
        const decision = nextAttempt(plan, given, new RetryBudget(), random01, 0);
        if (mayHaveRun && !given.idempotent) assert.equal(decision.retry, false);
      }),
      { numRuns: 5_000 },
    );
  });

  it("never waits past the deadline, nor less than it was asked to", () => {
    fc.assert(
      fc.property(plans, attempts, chance, (plan, given, random01) => {
        const decision = nextAttempt(plan, given, new RetryBudget(), random01, 0);
        if (!decision.retry) return;
        assert.ok(decision.delayMs >= 0 && decision.delayMs < given.remainingMs);
        if (given.reason !== "not-started") assert.ok(decision.delayMs >= (given.retryAfterMs ?? 0));
      }),
      { numRuns: 5_000 },
    );
  });

  it("ends, whatever a call meets: at most the plan's retries and the free ones", () => {
    fc.assert(
      fc.property(plans, fc.array(fc.constantFrom(...REASONS), { minLength: 40, maxLength: 40 }), (plan, reasons) => {
        const budget = new RetryBudget();
        let attempt = 0;
        let notStartedCount = 0;
        let lostCount = 0;
        for (const reason of reasons) {
          attempt++;
          if (reason === "not-started") notStartedCount++;
          if (reason === "gone") lostCount++;
          const decision = nextAttempt(
            plan,
            { ...failed, attempt, reason, status: "UNAVAILABLE", notStartedCount, lostCount },
            budget,
            0.5,
            0,
          );
          if (!decision.retry) break;
        }
        assert.ok(attempt <= 1 + plan.attempts + MAX_FREE_RETRIES);
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes budget only for what it sends again", () => {
    const budget = new RetryBudget();
    const terms = DEFAULT_RETRY_PLAN.budget;
    const before = budget.left(terms, 0);
    decide({ idempotent: false }, DEFAULT_RETRY_PLAN, 0.5, budget);
    decide({ remainingMs: 1 }, DEFAULT_RETRY_PLAN, 0.5, budget);
    decide({ reason: "not-started", notStartedCount: 1 }, DEFAULT_RETRY_PLAN, 0.5, budget);
    assert.equal(budget.left(terms, 0), before);
    decide({ lostCount: MAX_FREE_LOSSES }, DEFAULT_RETRY_PLAN, 0.5, budget);
    assert.equal(budget.left(terms, 0), before);
    decide({ attempt: 2, lostCount: MAX_FREE_LOSSES + 1 }, DEFAULT_RETRY_PLAN, 0.5, budget);
    assert.equal(budget.left(terms, 0), before - 1);
    decide({ reason: "deadline", lostCount: 0 }, DEFAULT_RETRY_PLAN, 0.5, budget);
    assert.equal(budget.left(terms, 0), before - 2);
  });

  it("stops when the budget is used up, but nacks go on, and what was lost with its instance goes elsewhere once", () => {
    const budget = new RetryBudget();
    while (budget.takeRetry(DEFAULT_RETRY_PLAN.budget, 0));
    assert.equal(outcome(decide({ reason: "deadline", lostCount: 0 }, DEFAULT_RETRY_PLAN, 0.5, budget)), "budget");
    assert.equal(outcome(decide({}, DEFAULT_RETRY_PLAN, 0.5, budget)), 12.5);
    assert.equal(outcome(decide({ attempt: 2, lostCount: 2 }, DEFAULT_RETRY_PLAN, 0.5, budget)), "budget");
    assert.equal(outcome(decide({ reason: "not-started", notStartedCount: 1 }, DEFAULT_RETRY_PLAN, 0.5, budget)), 0);
  });
});
