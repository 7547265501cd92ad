// AccessPolicies to the rules that decide. What is wrong in one closes: a broken denial denies, a broken permission permits
// nobody, and the service counts as guarded all the same.
import type { AccessPolicyDocument, AccessRule } from "../contract/documents.ts";
import { decision } from "./access-decision.ts";
import { compileNames } from "./glob.ts";
import type { AccessRules, AuditedAccess, CompiledAccess, ServiceAccess } from "./policy.ts";
import { Findings, type Problem, refuseUnknown } from "./problem.ts";
import type { CompiledRule } from "./rule.ts";
import { buildRuleIndex, emptyRuleIndex } from "./rule-index.ts";
import type { Slices } from "./slices.ts";
import { compileHeaders } from "./string-match.ts";

type Condition = Omit<CompiledRule<CompiledAccess>, "rank" | "value">;

interface Draft {
  readonly access: CompiledAccess;
  readonly action: "allow" | "deny";
  readonly mode: "enforce" | "audit";
  readonly conditions: readonly Condition[];
}

const EVERYTHING: Condition = Object.freeze({ methods: undefined, principals: undefined, headers: Object.freeze([]) });

/** An AccessPolicy and whether it may be believed: of two with one name only the first is. */
export interface Guard {
  readonly document: AccessPolicyDocument;
  readonly name: string;
  readonly trusted: boolean;
}

/** The AccessPolicies of one service, by name. */
export function* compileServiceAccess(
  service: string,
  guards: readonly Guard[],
  problems: Problem[],
): Slices<ServiceAccess> {
  const drafts: Draft[] = [];
  for (const guard of guards) {
    drafts.push(compileAccess(guard, problems));
    yield;
  }
  drafts.sort((a, b) => (a.access.name < b.access.name ? -1 : 1));
  const enforced = (action: "allow" | "deny"): Draft[] =>
    drafts.filter((draft) => draft.mode === "enforce" && draft.action === action);
  const audited = function* (action: "allow" | "deny"): Slices<readonly AuditedAccess[]> {
    const list: AuditedAccess[] = [];
    for (const draft of drafts) {
      if (draft.mode !== "audit" || draft.action !== action) continue;
      list.push(Object.freeze({ name: draft.access.name, rules: (yield* indexRules([draft])) as AccessRules }));
    }
    return Object.freeze(list);
  };
  const allow = enforced("allow");
  const deny = enforced("deny");
  if (allow.length === 0) warnOfClosing(service, deny, problems);
  return Object.freeze({
    deny: yield* indexRules(deny),
    // Once any policy in force names a service, whom none allows is denied: a deny policy alone closes it too.
    allow: (yield* indexRules(allow)) ?? (deny.length > 0 ? emptyRuleIndex : undefined),
    defaultDenial: decision(false, describeDefaultDenial(service, allow, deny)),
    auditDeny: yield* audited("deny"),
    auditAllow: yield* audited("allow"),
    auditNames: Object.freeze(drafts.filter(({ mode }) => mode === "audit").map(({ access }) => access.name)),
  });
}

/** Elsewhere a denial takes away only what it names; whoever expects that shuts out everybody. */
function warnOfClosing(service: string, deny: readonly Draft[], problems: Problem[]): void {
  for (const { access } of deny) {
    problems.push({
      severity: "warning",
      document: `AccessPolicy/${access.name}`,
      path: "spec.action",
      message: `no policy allows anybody to call ${service}, so this denial closes it to all: add one with action allow`,
    });
  }
}

/** At most so many policies are listed by name. */
const MAX_NAMED = 3;

function describeDefaultDenial(service: string, allow: readonly Draft[], deny: readonly Draft[]): string {
  if (allow.length === 0) return `default-deny (${list(deny, "close")} ${service}, and no policy allows anybody)`;
  return `default-deny (${service} allows only what ${list(allow, "allow")})`;
}

/** The policies by name and what they do: `a allows`, `a, b, c and 2 more allow`. */
function list(drafts: readonly Draft[], verb: string): string {
  const names = drafts.slice(0, MAX_NAMED).map(({ access }) => access.name);
  const more = drafts.length > MAX_NAMED ? ` and ${drafts.length - MAX_NAMED} more` : "";
  return `${names.join(", ")}${more} ${verb}${drafts.length === 1 ? "s" : ""}`;
}

/** Undefined without policies; an index without rules for policies that allow nobody. */
function* indexRules(drafts: readonly Draft[]): Slices<AccessRules | undefined> {
  if (drafts.length === 0) return undefined;
  let rank = 0;
  const rules = drafts.flatMap(({ access, conditions }) =>
    conditions.map((condition) => Object.freeze({ ...condition, rank: rank++, value: access })),
  );
  return yield* buildRuleIndex(rules);
}

function compileAccess({ document, name, trusted }: Guard, problems: Problem[]): Draft {
  const action = document.spec.action === "deny" ? "deny" : "allow";
  const access = Object.freeze({ name, permit: decision(true, name), denial: decision(false, name) });
  const conditions =
    trusted || action === "deny" ? compileRules(document, action, `AccessPolicy/${name}`, problems) : [];
  return { access, action, mode: document.spec.mode === "audit" ? "audit" : "enforce", conditions };
}

function compileRules(
  { spec }: AccessPolicyDocument,
  action: "allow" | "deny",
  label: string,
  problems: Problem[],
): readonly Condition[] {
  const whole = new Findings(label, problems);
  if (!Array.isArray(spec.rules)) {
    whole.error("spec.rules", "is a list of rules; an empty one matches everything");
    return action === "deny" ? [EVERYTHING] : [];
  }
  if (spec.rules.length === 0) return [EVERYTHING];
  const conditions: Condition[] = [];
  spec.rules.forEach((rule: AccessRule, index: number) => {
    const findings = new Findings(label, problems);
    const condition = compileRule(rule, `spec.rules[${index}]`, findings);
    if (condition !== undefined && !findings.hasErrors) conditions.push(condition);
    else if (action === "deny") conditions.push(EVERYTHING);
  });
  return conditions;
}

function compileRule(rule: AccessRule, path: string, findings: Findings): Condition | undefined {
  try {
    return readRule(rule, path, findings);
  } catch (cause) {
    findings.error(path, `cannot be read: ${cause instanceof Error ? cause.message : "malformed"}`);
    return undefined;
  }
}

const CONDITIONS: ReadonlySet<string> = new Set(["principals", "methods", "headers"] satisfies (keyof AccessRule)[]);

function readRule(rule: AccessRule, path: string, findings: Findings): Condition {
  refuseUnknown(rule, CONDITIONS, path, findings);
  const { principals, methods } = rule;
  if (principals?.length === 0)
    findings.warning(`${path}.principals`, "an empty list matches nobody: leave it out to match everybody");
  if (methods?.length === 0)
    findings.warning(`${path}.methods`, "an empty list matches no method: leave it out to match every method");
  return Object.freeze({
    principals: principals === undefined ? undefined : compileNames(principals),
    methods: methods === undefined ? undefined : compileNames(methods),
    headers: Object.freeze(compileHeaders(rule.headers, `${path}.headers`, findings)),
  });
}
