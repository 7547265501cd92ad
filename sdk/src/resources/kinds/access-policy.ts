import { z } from "zod";
import { setOf } from "../fields/collections.ts";
import { methodPattern, principalPattern, serviceName } from "../fields/names.ts";
import { headerMatches } from "../fields/string-match.ts";
import { defineKind } from "../kind-definition.ts";

const rule = z.strictObject({
  principals: setOf(principalPattern(), { max: 256 })
    .describe("Who calls: exact names, or patterns with `*` for any characters. Absent: everybody.")
    .exactOptional(),
  methods: setOf(methodPattern(), { max: 256 })
    .describe("Exact names, or patterns with `*` for any characters. Absent: every method.")
    .exactOptional(),
  headers: headerMatches()
    .describe("Header name, in any case, to what its value must be. All must hold.")
    .exactOptional(),
});

const spec = z.strictObject({
  service: serviceName().describe("The service that is protected."),
  action: z
    .enum(["allow", "deny"])
    .default("allow")
    .describe("What happens to a call that matches. A deny beats every allow."),
  mode: z
    .enum(["enforce", "audit"])
    .default("enforce")
    .describe("`audit` lets the call through and tells what would have happened."),
  rules: z
    .array(rule)
    .max(256)
    .default([])
    .describe(
      "The policy applies if any rule matches; a rule matches if all it names do. Without rules it matches every call.",
    ),
});

export const accessPolicyKind = defineKind({
  kind: "AccessPolicy",
  plural: "accesspolicies",
  shortNames: ["mac"],
  groups: ["policies"],
  summary: "Who may call a service. Once any access policy names a service, what none allows is denied.",
  spec,
  columns: [
    { name: "Service", type: "string", jsonPath: ".spec.service" },
    { name: "Action", type: "string", jsonPath: ".spec.action" },
    { name: "Mode", type: "string", jsonPath: ".spec.mode" },
  ],
  example: `apiVersion: malla.dev/v1
kind: AccessPolicy
metadata:
  name: payments-callers
spec:
  service: payments
  action: allow
  rules:
    - principals: [orders]
      methods: [Charge, Refund]
    - principals: [operator]
`,
});
