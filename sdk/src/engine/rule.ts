// One rule: what a call must be for a Route or AccessPolicy to speak of it. The service is not in it: rules are kept by
// service.
import type { CallFacts } from "./call-facts.ts";
import { type NameSet, nameSetHas } from "./glob.ts";
import { type HeaderCondition, headerMatches } from "./string-match.ts";

export interface CompiledRule<T> {
  /** Precedence among all rules of its kind: lower is asked first. Unique. */
  readonly rank: number;
  /** Undefined: every method. */
  readonly methods: NameSet | undefined;
  /** Undefined: every principal. */
  readonly principals: NameSet | undefined;
  readonly headers: readonly HeaderCondition[];
  /** What holds if the rule matches. */
  readonly value: T;
}

export function ruleMatches(rule: CompiledRule<unknown>, facts: CallFacts): boolean {
  if (rule.methods !== undefined && !nameSetHas(rule.methods, facts.method)) return false;
  if (rule.principals !== undefined && !nameSetHas(rule.principals, facts.principal)) return false;
  for (const condition of rule.headers) {
    if (!headerMatches(condition, facts.header(condition.name))) return false;
  }
  return true;
}
