// May this principal call this method.
import { type AccessDecision, NOT_AUDITED, OPEN } from "./access-decision.ts";
import type { CallFacts } from "./call-facts.ts";
import type { Policy, ServiceAccess } from "./policy.ts";
import { firstMatch } from "./rule-index.ts";

/**
 * Decides. A matching deny policy denies, whatever else says. A service that any policy in force names is closed to whom no
 * allow policy allows. Any other service is open. Policies in audit mode decide nothing; what they would have changed is
 * listed.
 */
export function authorize(policy: Policy, facts: CallFacts): AccessDecision {
  const access = policy.access.get(facts.service);
  if (access === undefined) return OPEN;
  const denied = access.deny === undefined ? undefined : firstMatch(access.deny, facts);
  if (denied !== undefined) return denied.value.denial;
  if (access.allow === undefined) return audited(OPEN, wouldDeny(access, facts, false));
  const permitted = firstMatch(access.allow, facts);
  if (permitted !== undefined) return audited(permitted.value.permit, wouldDeny(access, facts, true));
  return audited(access.defaultDenial, wouldAllow(access, facts));
}

/** Whether everybody may call it: no policy in force names the service. */
export function isOpen(policy: Policy, service: string): boolean {
  return policy.access.get(service)?.allow === undefined;
}

function audited(decision: AccessDecision, names: readonly string[]): AccessDecision {
  return names.length === 0 ? decision : { ...decision, audited: names };
}

/** Deny policies that match; and if nothing would allow the call once they counted, all that would close the service. */
function wouldDeny(access: ServiceAccess, facts: CallFacts, permitted: boolean): readonly string[] {
  if (access.auditNames.length === 0) return NOT_AUDITED;
  if (!permitted && wouldAllow(access, facts).length === 0) return access.auditNames;
  if (access.auditDeny.length === 0) return NOT_AUDITED;
  return access.auditDeny.filter(({ rules }) => firstMatch(rules, facts) !== undefined).map(({ name }) => name);
}

function wouldAllow({ auditAllow }: ServiceAccess, facts: CallFacts): readonly string[] {
  if (auditAllow.length === 0) return NOT_AUDITED;
  return auditAllow.filter(({ rules }) => firstMatch(rules, facts) !== undefined).map(({ name }) => name);
}
