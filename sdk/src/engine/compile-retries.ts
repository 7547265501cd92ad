// RetryPolicy of a document to a plan.
import type { RetryPolicy } from "../contract/documents.ts";
import type { Backoff } from "./backoff.ts";
import { DEFAULT_RETRY_PLAN } from "./default-settings.ts";
import type { Findings } from "./problem.ts";
import type { RetryPlan } from "./retry.ts";

/** Undefined without a policy, or with one that is wrong. */
export function compileRetries(
  given: RetryPolicy | undefined,
  path: string,
  findings: Findings,
): RetryPlan | undefined {
  if (given === undefined) return undefined;
  const backoff = compileBackoff(given.backoff, `${path}.backoff`, findings);
  if (!isCount(given.attempts))
    findings.error(`${path}.attempts`, `attempts are a whole number from 0 on, not ${String(given.attempts)}`);
  const { percent, minPerSecond } = given.budget;
  if (!isAmount(percent) || !isAmount(minPerSecond))
    findings.error(`${path}.budget`, "percent and minPerSecond are numbers from 0 on");
  if (backoff === undefined || !isCount(given.attempts) || !isAmount(percent) || !isAmount(minPerSecond))
    return undefined;
  if (given.attempts > 0 && given.on.length === 0) {
    findings.warning(`${path}.on`, "no condition is named, so nothing but calls that never started is tried again");
  }
  return Object.freeze({
    attempts: given.attempts,
    on: new Set(given.on),
    backoff,
    budget: Object.freeze({ percent, minPerSecond }),
    explicit: true,
  });
}

function compileBackoff(
  given: RetryPolicy["backoff"] | undefined,
  path: string,
  findings: Findings,
): Backoff | undefined {
  const fixed = given?.fixed;
  const exponential = given?.exponential;
  if (fixed !== undefined && exponential !== undefined) {
    findings.error(path, "exactly one of fixed and exponential is needed, but both are set");
    return undefined;
  }
  if (fixed !== undefined) {
    if (isAmount(fixed.delayMs)) return Object.freeze({ kind: "fixed", delayMs: fixed.delayMs });
    findings.error(`${path}.fixed.delayMs`, "a delay is a number of milliseconds from 0 on");
    return undefined;
  }
  if (exponential === undefined) return DEFAULT_RETRY_PLAN.backoff;
  const { baseMs, capMs } = exponential;
  if (!isAmount(baseMs) || !isAmount(capMs)) {
    findings.error(`${path}.exponential`, "baseMs and capMs are numbers of milliseconds from 0 on");
    return undefined;
  }
  if (capMs < baseMs)
    findings.warning(
      `${path}.exponential.capMs`,
      `the cap of ${capMs} ms is below the base of ${baseMs} ms, so every delay is up to the cap`,
    );
  return Object.freeze({ kind: "exponential", baseMs, capMs });
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isCount(value: unknown): value is number {
  return isAmount(value) && Number.isInteger(value);
}
