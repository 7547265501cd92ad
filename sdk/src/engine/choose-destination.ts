// Which of a Route's destinations a call goes to. The share is decided before anybody asks who is there.
import type { CompiledDestination } from "./destination.ts";
import { hashToUnit } from "./key-hash.ts";
import type { CompiledRoute } from "./policy.ts";

/**
 * Draws a destination by weight: from the key if there is one, so that the same key goes the same way as long as the weights
 * are the same, and few keys move when they change; else from `random01`. If the one drawn has no instances, its share is
 * refused (undefined: `no-instance`), or with `failover: any` spread over the others that have some, by their weights; those
 * of weight 0 stand by for when no other is left.
 */
export function chooseDestination(
  route: CompiledRoute,
  key: string | undefined,
  random01: number,
  hasInstances: (destination: CompiledDestination) => boolean,
): CompiledDestination | undefined {
  const point = (key === undefined ? random01 : hashToUnit(key, route.keySeed)) * route.totalWeight;
  let before = 0;
  let drawn: CompiledDestination | undefined;
  for (const destination of route.destinations) {
    if (destination.weight === 0) continue;
    // The last one with a weight also takes what rounding leaves over.
    if (drawn !== undefined) before += drawn.weight;
    drawn = destination;
    if (point < before + destination.weight) break;
  }
  if (drawn === undefined || hasInstances(drawn)) return drawn;
  if (drawn.failover !== "any") return undefined;
  // Where in its share the call fell is as even as the draw itself, and as stable.
  return failOver(route, drawn, (point - before) / drawn.weight, hasInstances);
}

function failOver(
  route: CompiledRoute,
  drawn: CompiledDestination,
  fraction: number,
  hasInstances: (destination: CompiledDestination) => boolean,
): CompiledDestination | undefined {
  let total = 0;
  let standby: CompiledDestination | undefined;
  for (const destination of route.destinations) {
    if (destination === drawn || !hasInstances(destination)) continue;
    if (destination.weight === 0) standby ??= destination;
    total += destination.weight;
  }
  let left = fraction * total;
  let chosen: CompiledDestination | undefined;
  for (const destination of route.destinations) {
    if (destination === drawn || destination.weight === 0 || !hasInstances(destination)) continue;
    chosen = destination;
    left -= destination.weight;
    if (left < 0) break;
  }
  return chosen ?? standby;
}
