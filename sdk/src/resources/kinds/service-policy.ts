import { z } from "zod";
import { setOf } from "../fields/collections.ts";
import { methodName, methodPattern, principalPattern, serviceName } from "../fields/names.ts";
import { count, durationMs } from "../fields/numbers.ts";
import { retryPolicy } from "../fields/retry-policy.ts";
import { withRules } from "../fields/rules.ts";
import { defineKind } from "../kind-definition.ts";

const outlierShape = z.strictObject({
  consecutiveFailures: count(1, 10_000).default(5).describe("So many failures in a row eject an instance."),
  baseEjectionMs: durationMs().default(10_000).describe("First ejection, in ms; the nth lasts n times as long."),
  maxEjectionMs: durationMs().default(300_000).describe("No ejection is longer, in ms."),
  panicPercent: count(0, 100).default(50).describe("With more than this share ejected, ejection is ignored."),
});

const outlierDetection = withRules(outlierShape, [
  {
    cel: "self.maxEjectionMs >= self.baseEjectionMs",
    holds: ({ baseEjectionMs, maxEjectionMs }) => maxEjectionMs >= baseEjectionMs,
    message: "must be at least baseEjectionMs",
    at: "maxEjectionMs",
  },
]);

const maxPriority = z.strictObject({
  critical: setOf(principalPattern(), { max: 256 })
    .describe("Callers whose calls may be `critical`: a router that is nearly full keeps its last places for those.")
    .exactOptional(),
  sheddable: setOf(principalPattern(), { max: 256 })
    .describe("Callers whose calls are never more than `sheddable`, whatever they ask for. Stands before `critical`.")
    .exactOptional(),
});

const spec = z.strictObject({
  service: serviceName().describe("The service this policy is for."),
  loadBalancer: z
    .enum(["p2c", "round-robin", "random", "least-request"])
    .describe("How an instance is picked. Absent: `p2c`, the better of two by peak-EWMA latency and load.")
    .exactOptional(),
  timeoutMs: durationMs()
    .describe("Deadline of a call that brings none, and the longest it may ask for, in ms, where no route says it.")
    .exactOptional(),
  idempotentMethods: setOf(methodPattern(), { max: 256 })
    .describe(
      "Methods that may run twice, so that a call which may have run is tried again. `*` stands for any characters.",
    )
    .exactOptional(),
  retries: retryPolicy().describe("What is tried again, where no route says it.").exactOptional(),
  outlierDetection: outlierDetection
    .describe("When an instance that fails is left out. The last one never is.")
    .exactOptional(),
  maxInFlight: count(1, 1_000_000)
    .describe("Calls in flight per instance and router; the instance's own cap holds besides.")
    .exactOptional(),
  maxPriority: maxPriority
    .describe("Highest `Malla-Priority` of calls, by caller; whom neither list names may have `default`.")
    .exactOptional(),
  direct: z.boolean().describe("Whether callers with role `direct` may go past the router.").exactOptional(),
  plainMethods: setOf(methodName(), { max: 256 })
    .describe("Methods that a plain NATS service without `$SRV` answers.")
    .exactOptional(),
});

export const servicePolicyKind = defineKind({
  kind: "ServicePolicy",
  plural: "servicepolicies",
  shortNames: ["msp"],
  groups: ["policies"],
  summary: "How a service is called: load balancer, deadline, retries, outlier detection, concurrency, direct calls.",
  spec,
  columns: [
    { name: "Service", type: "string", jsonPath: ".spec.service" },
    { name: "Balancer", type: "string", jsonPath: ".spec.loadBalancer" },
    { name: "Timeout-Ms", type: "integer", jsonPath: ".spec.timeoutMs" },
    { name: "Direct", type: "boolean", jsonPath: ".spec.direct", wide: true },
  ],
  example: `apiVersion: malla.dev/v1
kind: ServicePolicy
metadata:
  name: inventory
spec:
  service: inventory
  loadBalancer: p2c
  timeoutMs: 1500
  idempotentMethods: [get, list]
  retries:
    attempts: 3
    "on": [unavailable, gone]
    backoff: { fixed: { delayMs: 20 } }
    budget: { percent: 10, minPerSecond: 5 }
  outlierDetection:
    consecutiveFailures: 5
    baseEjectionMs: 10000
  maxInFlight: 200
  maxPriority:
    critical: [orders]
    sheddable: [report-*]
  direct: true
`,
});
