// Which Route holds for a call. One wins, nothing is merged.
import type { CallFacts } from "./call-facts.ts";
import type { CompiledRoute, Policy } from "./policy.ts";
import { firstMatch } from "./rule-index.ts";

/**
 * The winning Route; undefined if none matches, and the call goes to all instances. Precedence as in Gateway API: a named
 * service before an open subject, an exact method before a pattern, the pattern with more literal characters, more header
 * and principal conditions, the older Route, the first by name.
 */
export function matchRoute(policy: Policy, facts: CallFacts): CompiledRoute | undefined {
  const named = policy.routes.byService.get(facts.service);
  const found = named === undefined ? undefined : firstMatch(named, facts);
  return (found ?? firstMatch(policy.routes.anyService, facts))?.value;
}
