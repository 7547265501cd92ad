// What a service's settings are, and what they are where no policy speaks.
import { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from "../contract/deadline.ts";
import type { RetryCondition } from "../contract/documents.ts";
import type { Priority } from "../contract/header-names.ts";
import { type Balancer, createBalancer } from "./balance/pick.ts";
import { noPriorityBeyondDefault } from "./caller-priority.ts";
import type { OutlierSettings } from "./outlier.ts";
import type { RetryPlan } from "./retry.ts";

/** Further attempts after the first, of what may be repeated (Istio's default, without its double payouts). */
export const DEFAULT_RETRY_ATTEMPTS = 2;
export const DEFAULT_RETRY_CONDITIONS: readonly RetryCondition[] = Object.freeze([
  "unavailable",
  "gone",
  "deadline",
  "resource-exhausted",
] as const);
/** Back-off: 25 ms doubling to 250 ms, full jitter (Envoy). */
export const DEFAULT_BACKOFF_BASE_MS = 25;
export const DEFAULT_BACKOFF_CAP_MS = 250;
/** Retries per hundred calls, and a second at least (Linkerd, Gateway API GEP-3388). */
export const DEFAULT_BUDGET_PERCENT = 20;
export const DEFAULT_BUDGET_MIN_PER_SECOND = 10;
/** Ejection: five failures in a row, 10 s × n up to 300 s, ignored with more than half ejected (Envoy). */
export const DEFAULT_CONSECUTIVE_FAILURES = 5;
export const DEFAULT_BASE_EJECTION_MS = 10_000;
export const DEFAULT_MAX_EJECTION_MS = 300_000;
export const DEFAULT_PANIC_PERCENT = 50;

export const DEFAULT_RETRY_PLAN: RetryPlan = Object.freeze({
  attempts: DEFAULT_RETRY_ATTEMPTS,
  on: new Set(DEFAULT_RETRY_CONDITIONS),
  backoff: Object.freeze({ kind: "exponential", baseMs: DEFAULT_BACKOFF_BASE_MS, capMs: DEFAULT_BACKOFF_CAP_MS }),
  budget: Object.freeze({ percent: DEFAULT_BUDGET_PERCENT, minPerSecond: DEFAULT_BUDGET_MIN_PER_SECOND }),
  explicit: false,
});

export const DEFAULT_OUTLIER: OutlierSettings = Object.freeze({
  consecutiveFailures: DEFAULT_CONSECUTIVE_FAILURES,
  baseEjectionMs: DEFAULT_BASE_EJECTION_MS,
  maxEjectionMs: DEFAULT_MAX_EJECTION_MS,
  panicPercent: DEFAULT_PANIC_PERCENT,
});

export interface ServiceSettings {
  /** Time a call has that does not say how much it wants. */
  readonly timeoutMs: number;
  /** More than this no caller gets: the policy's timeout, or the cap of the mesh where no policy speaks. */
  readonly maxTimeoutMs: number;
  readonly loadBalancer: Balancer;
  isIdempotent(method: string): boolean;
  readonly retries: RetryPlan;
  readonly outlier: OutlierSettings;
  /** In flight per instance from one router; infinite unless a policy says so. */
  readonly maxInFlight: number;
  /** The highest priority of this principal's calls to the service. */
  maxPriorityOf(principal: string): Priority;
  /** Whether callers with role `direct` may go past the router. */
  readonly direct: boolean;
  readonly plainMethods: readonly string[];
}

function never(): boolean {
  return false;
}

/** Shared by all services without a ServicePolicy. */
export const DEFAULT_SERVICE_SETTINGS: ServiceSettings = Object.freeze({
  timeoutMs: DEFAULT_TIMEOUT_MS,
  maxTimeoutMs: MAX_TIMEOUT_MS,
  loadBalancer: createBalancer("p2c"),
  isIdempotent: never,
  retries: DEFAULT_RETRY_PLAN,
  outlier: DEFAULT_OUTLIER,
  maxInFlight: Number.POSITIVE_INFINITY,
  maxPriorityOf: noPriorityBeyondDefault,
  direct: true,
  plainMethods: Object.freeze([]),
});
