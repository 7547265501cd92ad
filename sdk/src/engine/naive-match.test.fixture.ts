// The semantics once more, as plainly as they can be said, to hold the engine against.
import type { AccessPolicyDocument, RouteDocument, StringMatch } from "../contract/index.ts";
import type { CallFacts } from "./call-facts.ts";

function patternMatches(pattern: string, text: string): boolean {
  return new RegExp(`^${pattern.split("*").map(quoted).join("[^]*")}$`, "u").test(text);
}

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function valueMatches(condition: StringMatch, value: string | undefined): boolean {
  if (condition.present !== undefined) return condition.present === (value !== undefined);
  if (value === undefined) return false;
  if (condition.exact !== undefined) return value === condition.exact;
  if (condition.prefix !== undefined) return value.startsWith(condition.prefix);
  return new RegExp(`^(?:${condition.regex as string})$`, "u").test(value);
}

interface Conditions {
  readonly methods?: readonly string[];
  readonly principals?: readonly string[];
  readonly headers?: Readonly<Record<string, StringMatch>>;
}

function conditionsMatch({ methods, principals, headers }: Conditions, facts: CallFacts): boolean {
  return (
    (methods?.some((pattern) => patternMatches(pattern, facts.method)) ?? true) &&
    (principals?.some((pattern) => patternMatches(pattern, facts.principal)) ?? true) &&
    Object.entries(headers ?? {}).every(([name, condition]) => valueMatches(condition, facts.header(name)))
  );
}

/** Everything a Route's precedence is made of, most important first; lower wins. */
type Precedence = readonly (number | string)[];

function less(a: Precedence, b: Precedence): boolean {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return (a[i] as number) < (b[i] as number);
  }
  return false;
}

function ways(document: RouteDocument): { service: string; method: string }[] {
  const { subject, service, methods } = document.spec.match;
  if (subject === undefined) return (methods ?? ["*"]).map((method) => ({ service: service as string, method }));
  const [first, second] = subject.split(".");
  return [
    { service: first === ">" ? "*" : (first as string), method: second === undefined || second === ">" ? "*" : second },
  ];
}

export function naiveMatchRoute(documents: readonly RouteDocument[], facts: CallFacts): string | undefined {
  let best: { name: string; precedence: Precedence } | undefined;
  for (const document of documents) {
    const { headers, principals } = document.spec.match;
    const rest: Conditions = {
      ...(headers === undefined ? {} : { headers }),
      ...(principals === undefined ? {} : { principals }),
    };
    for (const { service, method } of ways(document)) {
      if (
        !patternMatches(service, facts.service) ||
        !patternMatches(method, facts.method) ||
        !conditionsMatch(rest, facts)
      )
        continue;
      const { name, createdAt } = document.metadata;
      const precedence: Precedence = [
        service === "*" ? 1 : 0,
        method.includes("*") ? 1 : 0,
        -method.replaceAll("*", "").length,
        -(Object.keys(headers ?? {}).length + (principals === undefined ? 0 : 1)),
        createdAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(createdAt),
        name,
      ];
      if (best === undefined || less(precedence, best.precedence)) best = { name, precedence };
    }
  }
  return best?.name;
}

export interface NaiveDecision {
  readonly allowed: boolean;
  readonly rule: string;
}

/** `counted` tells which policies are in force. The first by name decides. */
export function naiveAuthorize(
  documents: readonly AccessPolicyDocument[],
  facts: CallFacts,
  counted: (document: AccessPolicyDocument) => boolean,
): NaiveDecision {
  const named = documents.filter((document) => document.spec.service === facts.service && counted(document));
  const matching = (action: "allow" | "deny"): string | undefined =>
    named
      .filter(({ spec }) => spec.action === action)
      .filter(({ spec }) => spec.rules.length === 0 || spec.rules.some((rule) => conditionsMatch(rule, facts)))
      .map(({ metadata }) => metadata.name)
      .sort()[0];
  const denied = matching("deny");
  if (denied !== undefined) return { allowed: false, rule: denied };
  if (named.length === 0) return { allowed: true, rule: "open" };
  const permitted = matching("allow");
  return permitted === undefined ? { allowed: false, rule: "default-deny" } : { allowed: true, rule: permitted };
}
