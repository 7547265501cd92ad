// Stage `authorize`: may this principal call this method. After `route`, so that it judges what will really run.
import { MeshError, type Origin } from "../contract/index.ts";
import { type AccessDecision, type CallFacts, authorize as decide, type Policy } from "../engine/index.ts";
import type { Exchange } from "./exchange.ts";
import { finalFacts } from "./facts.ts";

/** Throws `denied` with the rule's name. Returns the decision, whose audited rules are for the log. */
export function authorize(policy: Policy, facts: CallFacts, origin: Origin): AccessDecision {
  const decision = decide(policy, facts);
  if (decision.allowed) return decision;
  throw MeshError.of("denied", `${facts.principal} may not call ${facts.service}.${facts.method}: ${decision.rule}`, {
    origin,
  });
}

/**
 * Every service the call may end at must allow it: its own, and those its Route's destinations name. `onAudited` gets the rules of
 * policies in audit mode that would have refused. Throws as `authorize` does.
 */
export function authorizeServices(
  exchange: Exchange,
  origin: Origin,
  onAudited: (rules: readonly string[]) => void,
): void {
  authorizeAt(exchange.targetService, exchange, origin, onAudited);
  const destinations = exchange.route?.destinations;
  if (destinations === undefined) return;
  const judged = [exchange.targetService];
  for (const { service } of destinations) {
    if (service === undefined || judged.includes(service)) continue;
    judged.push(service);
    authorizeAt(service, exchange, origin, onAudited);
  }
}

function authorizeAt(
  service: string,
  exchange: Exchange,
  origin: Origin,
  onAudited: (rules: readonly string[]) => void,
): void {
  const { audited } = authorize(exchange.policy, finalFacts(exchange, service), origin);
  if (audited.length > 0) onAudited(audited);
}
