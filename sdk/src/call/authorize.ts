// Stage `authorize`: may this principal call this method. After `route`, so that it judges what will really run.
import { MeshError, type Origin } from "../contract/index.ts";
import { type AccessDecision, type CallFacts, authorize as decide, type Policy } from "../engine/index.ts";

/** Throws `denied` with the rule's name. Returns the decision, whose audited rules are for the log. */
export function authorize(policy: Policy, facts: CallFacts, origin: Origin): AccessDecision {
  const decision = decide(policy, facts);
  if (decision.allowed) return decision;
  throw MeshError.of("denied", `${facts.principal} may not call ${facts.service}.${facts.method}: ${decision.rule}`, {
    origin,
  });
}
