// The pure policy engine: documents in, decisions out. No clock, no chance, no I/O: both are arguments.
export { type AccessDecision, OPEN_RULE } from "./access-decision.ts";
export { authorize, isOpen } from "./authorize.ts";
export { type Backoff, backoffMs, type ExponentialBackoff, type FixedBackoff } from "./backoff.ts";
export {
  DEFAULT_RTT_MS,
  EndpointLoad,
  FAILURE_PENALTY_MS,
  PENALTY_DECAY_MS,
  REPORT_TTL_MS,
  RTT_DECAY_MS,
  RTT_FLOOR_MS,
} from "./balance/endpoint-load.ts";
export { type Balancer, type BalancerKind, createBalancer, pick } from "./balance/pick.ts";
export { type BreakerState, breakerStateOf } from "./breaker.ts";
export type { CallFacts } from "./call-facts.ts";
export { lowerPriority } from "./caller-priority.ts";
export { chooseDestination } from "./choose-destination.ts";
export { type Compiled, compile, compileInSlices } from "./compile.ts";
export {
  DEFAULT_BACKOFF_BASE_MS,
  DEFAULT_BACKOFF_CAP_MS,
  DEFAULT_BASE_EJECTION_MS,
  DEFAULT_BUDGET_MIN_PER_SECOND,
  DEFAULT_BUDGET_PERCENT,
  DEFAULT_CONSECUTIVE_FAILURES,
  DEFAULT_MAX_EJECTION_MS,
  DEFAULT_OUTLIER,
  DEFAULT_PANIC_PERCENT,
  DEFAULT_RETRY_ATTEMPTS,
  DEFAULT_RETRY_CONDITIONS,
  DEFAULT_RETRY_PLAN,
  DEFAULT_SERVICE_SETTINGS,
  type ServiceSettings,
} from "./default-settings.ts";
export type { CompiledDestination } from "./destination.ts";
export { matchRoute } from "./match-route.ts";
export type { Outcome } from "./outcome.ts";
export {
  createOutlierGroup,
  createOutlierState,
  eligible,
  type OutlierGroup,
  type OutlierSettings,
  type OutlierState,
  recordOutcome,
} from "./outlier.ts";
export { type CompiledRoute, emptyPolicy, type Policy } from "./policy.ts";
export type { Problem, Severity } from "./problem.ts";
export { compileRegex, type LinearRegex } from "./regex/linear-regex.ts";
export {
  type FailedAttempt,
  MAX_FREE_LOSSES,
  MAX_FREE_RETRIES,
  nextAttempt,
  type RetryDecision,
  type RetryPlan,
  type StopReason,
} from "./retry.ts";
export { BUDGET_WINDOW_MS, type BudgetTerms, RetryBudget } from "./retry-budget.ts";
export { RetryBudgets } from "./retry-budgets.ts";
export { settingsOf } from "./service-settings.ts";
export { finish, type Slices } from "./slices.ts";
