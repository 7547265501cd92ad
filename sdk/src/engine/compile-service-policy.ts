// A ServicePolicy over the defaults.
import type { ServicePolicyDocument, ServicePolicySpec } from "../contract/documents.ts";
import { createBalancer } from "./balance/pick.ts";
import { compileMaxPriority } from "./caller-priority.ts";
import { compileRetries } from "./compile-retries.ts";
import { DEFAULT_SERVICE_SETTINGS, type ServiceSettings } from "./default-settings.ts";
import { compileNames, nameSetHas } from "./glob.ts";
import type { OutlierSettings } from "./outlier.ts";
import type { Findings } from "./problem.ts";

/** What is wrong in it keeps its default; the rest holds. */
export function compileServicePolicy({ spec }: ServicePolicyDocument, findings: Findings): ServiceSettings {
  const standard = DEFAULT_SERVICE_SETTINGS;
  const timeoutMs = positive(spec.timeoutMs, "spec.timeoutMs", findings);
  const maxInFlight = positive(spec.maxInFlight, "spec.maxInFlight", findings) ?? standard.maxInFlight;
  const idempotent = compileNames(spec.idempotentMethods ?? []);
  return Object.freeze({
    timeoutMs: timeoutMs ?? standard.timeoutMs,
    maxTimeoutMs: timeoutMs ?? standard.maxTimeoutMs,
    loadBalancer: createBalancer(spec.loadBalancer ?? standard.loadBalancer.kind, maxInFlight),
    isIdempotent: (method: string) => nameSetHas(idempotent, method),
    retries: compileRetries(spec.retries, "spec.retries", findings) ?? standard.retries,
    outlier: compileOutlier(spec.outlierDetection, findings),
    maxInFlight,
    maxPriorityOf: compileMaxPriority(spec.maxPriority),
    direct: spec.direct ?? standard.direct,
    plainMethods: Object.freeze([...(spec.plainMethods ?? [])]),
  });
}

function compileOutlier(given: ServicePolicySpec["outlierDetection"], findings: Findings): OutlierSettings {
  const path = "spec.outlierDetection";
  const standard = DEFAULT_SERVICE_SETTINGS.outlier;
  if (given === undefined) return standard;
  const baseEjectionMs = positive(given.baseEjectionMs, `${path}.baseEjectionMs`, findings) ?? standard.baseEjectionMs;
  const maxEjectionMs = positive(given.maxEjectionMs, `${path}.maxEjectionMs`, findings) ?? standard.maxEjectionMs;
  if (maxEjectionMs < baseEjectionMs)
    findings.warning(`${path}.maxEjectionMs`, `is below baseEjectionMs, so every ejection takes ${maxEjectionMs} ms`);
  return Object.freeze({
    consecutiveFailures:
      positive(given.consecutiveFailures, `${path}.consecutiveFailures`, findings) ?? standard.consecutiveFailures,
    baseEjectionMs,
    maxEjectionMs,
    panicPercent:
      given.panicPercent >= 0 && given.panicPercent <= 100
        ? given.panicPercent
        : badPanic(given.panicPercent, findings),
  });
}

function badPanic(value: number, findings: Findings): number {
  findings.error("spec.outlierDetection.panicPercent", `a share is a number from 0 to 100, not ${String(value)}`);
  return DEFAULT_SERVICE_SETTINGS.outlier.panicPercent;
}

function positive(value: number | undefined, path: string, findings: Findings): number | undefined {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return value;
  findings.error(path, `is a number above 0, not ${String(value)}`);
  return undefined;
}
