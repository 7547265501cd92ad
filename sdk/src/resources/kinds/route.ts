import { z } from "zod";
import { mapOf, setOf } from "../fields/collections.ts";
import {
  keysHaveShape,
  methodName,
  methodPattern,
  principalPattern,
  routeSubject,
  serviceName,
  TAG_NAME,
  tagName,
  tagValue,
} from "../fields/names.ts";
import { count, durationMs } from "../fields/numbers.ts";
import { retryPolicy } from "../fields/retry-policy.ts";
import { exactlyOneOf, withRules } from "../fields/rules.ts";
import { headerMatches } from "../fields/string-match.ts";
import { versionRange } from "../fields/version-range.ts";
import { defineKind } from "../kind-definition.ts";

const matchShape = z.strictObject({
  subject: routeSubject()
    .describe("NATS wildcards over `<service>.<method>`: `catalog.*`. Instead of `service` and `methods`.")
    .exactOptional(),
  service: serviceName().describe("The service that is called.").exactOptional(),
  methods: setOf(methodPattern(), { max: 256 })
    .describe("Exact names, or patterns with `*` for any characters. Absent: every method.")
    .exactOptional(),
  headers: headerMatches()
    .describe("Header name, in any case, to what its value must be. All must hold.")
    .exactOptional(),
  principals: setOf(principalPattern(), { max: 256 })
    .describe("Who calls: exact names, or patterns with `*` for any characters. Absent: everybody.")
    .exactOptional(),
});

const match = withRules(matchShape, [
  exactlyOneOf(["service", "subject"]),
  {
    cel: "!(has(self.methods) && has(self.subject))",
    holds: ({ methods, subject }) => methods === undefined || subject === undefined,
    message: "methods cannot stand beside subject, which names them already",
    at: "methods",
  },
]);

const destination = z.strictObject({
  service: serviceName().describe("Another service than the one called: a rewrite.").exactOptional(),
  version: versionRange()
    .describe("Instances whose version is in this npm range. Absent: any version.")
    .exactOptional(),
  tags: withRules(mapOf({ key: tagName(), value: tagValue(), max: 32 }), [keysHaveShape(TAG_NAME)])
    .describe("Instances that carry all these tags.")
    .exactOptional(),
  weight: count(0, 1_000_000).default(1).describe("Share of calls, relative to the sum of all weights."),
  failover: z
    .enum(["none", "any"])
    .describe(
      "When no instance fits: `any` other destination takes its share. Absent: as `none`, the call fails with `no-instance`.",
    )
    .exactOptional(),
});

const destinations = withRules(z.array(destination).min(1).max(64), [
  {
    cel: "self.exists(d, d.weight > 0)",
    holds: (list) => list.some(({ weight }) => weight > 0),
    message: "at least one weight must be above 0",
  },
]);

const rewriteShape = z.strictObject({
  method: methodName().describe("The method that is called instead.").exactOptional(),
});

const rewrite = withRules(rewriteShape.meta({ minProperties: 1 }), [
  { cel: "has(self.method)", holds: ({ method }) => method !== undefined, message: "set method" },
]);

const specShape = z.strictObject({
  match: match.describe("Which calls this route is for. Of the routes that match one wins, nothing is merged."),
  destinations: destinations
    .prefault([{ weight: 1 }])
    .describe("Where the calls go. Absent: to all instances of the service."),
  rewrite: rewrite.describe("What is changed in the call on its way.").exactOptional(),
  timeoutMs: durationMs()
    .describe("Deadline of a call that brings none, and the longest it may ask for, in ms.")
    .exactOptional(),
  perTryTimeoutMs: durationMs().describe("Longest a single attempt may take, in ms.").exactOptional(),
  retries: retryPolicy().describe("What is tried again. Absent: as the service's policy says.").exactOptional(),
});

const spec = withRules(specShape, [
  {
    cel: "!has(self.timeoutMs) || !has(self.perTryTimeoutMs) || self.perTryTimeoutMs <= self.timeoutMs",
    holds: ({ timeoutMs, perTryTimeoutMs }) =>
      timeoutMs === undefined || perTryTimeoutMs === undefined || perTryTimeoutMs <= timeoutMs,
    message: "must be at most timeoutMs",
    at: "perTryTimeoutMs",
  },
]);

export const routeKind = defineKind({
  kind: "Route",
  plural: "routes",
  shortNames: ["mrt"],
  groups: [],
  summary: "Where calls go: match, destinations with weights, rewrite, timeouts, retries.",
  spec,
  columns: [
    { name: "Service", type: "string", jsonPath: ".spec.match.service" },
    { name: "Subject", type: "string", jsonPath: ".spec.match.subject", wide: true },
    { name: "Timeout-Ms", type: "integer", jsonPath: ".spec.timeoutMs" },
  ],
  example: `apiVersion: malla.dev/v1
kind: Route
metadata:
  name: catalog-canary
spec:
  match:
    service: catalog
    methods: [list, "get*"]
    headers:
      x-beta: { exact: "yes" }
    principals: [storefront]
  destinations:
    - { version: 1.x, weight: 90 }
    - { version: 2.x, weight: 10, failover: any }
  timeoutMs: 2000
  perTryTimeoutMs: 500
  retries:
    attempts: 2
    "on": [unavailable]
    backoff: { exponential: { baseMs: 25, capMs: 250 } }
`,
});
