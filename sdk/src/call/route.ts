// Stage `route`: which Route holds, what the call becomes by it, and which settings of its service.
import { MeshError } from "../contract/index.ts";
import type { Registry } from "../discovery/registry.ts";
import { type CallFacts, matchRoute, type Policy, settingsOf } from "../engine/index.ts";
import type { Exchange } from "./exchange.ts";

/** Finds the Route and fixes the final service and method. */
export function route(exchange: Exchange, facts: CallFacts): void {
  const found = matchRoute(exchange.policy, facts);
  exchange.route = found;
  if (found?.rewriteMethod !== undefined) exchange.targetMethod = found.rewriteMethod;
  exchange.settings = settingsOf(exchange.policy, exchange.targetService, found);
}

/**
 * Refuses what nobody serves: an unknown service is the caller's mistake, a known one at zero is not. Called after
 * `authorize`, so that strangers cannot probe for names.
 */
export function requireTarget(exchange: Exchange, registry: Registry, policy: Policy): void {
  const { targetService, targetMethod } = exchange;
  const entry = registry.service(targetService);
  if (entry === undefined && !policy.services.has(targetService)) {
    throw MeshError.of("no-service", `no service ${targetService} has announced itself and no policy names it`, {
      origin: "router",
    });
  }
  if (entry?.methods.isKnown === true && !entry.methods.has(targetMethod))
    throw MeshError.of("no-method", `service ${targetService} has no method ${targetMethod}`, { origin: "router" });
  exchange.idempotent =
    exchange.settings.isIdempotent(targetMethod) || entry?.methods.isIdempotent(targetMethod) === true;
}
