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
  let announced = false;
  let idempotent = exchange.settings.isIdempotent(targetMethod);
  if (entry !== undefined) {
    let found = false;
    for (const instance of entry.instances.values()) {
      if (instance.methods.size === 0) continue;
      announced = true;
      if (!instance.methods.has(targetMethod)) continue;
      found = true;
      if (instance.idempotentMethods.has(targetMethod)) idempotent = true;
      break;
    }
    if (announced && !found) {
      throw MeshError.of("no-method", `service ${targetService} has no method ${targetMethod}`, { origin: "router" });
    }
  }
  exchange.idempotent = idempotent;
}
