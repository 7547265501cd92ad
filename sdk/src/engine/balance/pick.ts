// Which of the endpoints gets the call. Synchronous, flat in the number of endpoints unless some are to be passed over, and
// it allocates nothing.
import type { EndpointLoad } from "./endpoint-load.ts";

/** `p2c`: of two at random the one with the lower score. `least-request`: of two at random the one with fewer calls. */
export type BalancerKind = "p2c" | "round-robin" | "random" | "least-request";

export interface Balancer {
  readonly kind: BalancerKind;
  /** Calls at a time one endpoint gets from here at most. */
  readonly maxInFlight: number;
  /** Whose turn it is in `round-robin`. The only state, and it is `pick`'s. */
  cursor: number;
}

export function createBalancer(kind: BalancerKind, maxInFlight = Number.POSITIVE_INFINITY): Balancer {
  return { kind, maxInFlight, cursor: 0 };
}

interface Loaded {
  readonly load: EndpointLoad;
}

/**
 * Picks an endpoint for one call. `random` gives numbers in [0, 1). Endpoints that `avoid` names, those the call has tried,
 * are taken only when no other has room. Undefined: there are none, or every one is at its limit (the smaller of the
 * balancer's `maxInFlight` and its own capacity).
 */
export function pick<T extends Loaded>(
  balancer: Balancer,
  candidates: readonly T[],
  nowMs: number,
  random: () => number,
  avoid?: (candidate: T) => boolean,
): T | undefined {
  if (candidates.length === 0) return undefined;
  if (avoid !== undefined) {
    const fresh = pickAmong(balancer, candidates, nowMs, random, avoid);
    if (fresh !== undefined) return fresh;
  }
  return pickAmong(balancer, candidates, nowMs, random, undefined);
}

type Avoid<T> = ((candidate: T) => boolean) | undefined;

function pickAmong<T extends Loaded>(
  balancer: Balancer,
  candidates: readonly T[],
  nowMs: number,
  random: () => number,
  avoid: Avoid<T>,
): T | undefined {
  switch (balancer.kind) {
    case "round-robin": {
      const start = balancer.cursor % candidates.length;
      const index = nextUsable(balancer, candidates, start, -1, avoid);
      if (index >= 0) balancer.cursor = index + 1;
      return candidates[index];
    }
    case "random":
      return candidates[drawUsable(balancer, candidates, -1, random, avoid)];
    default:
      return betterOfTwo(balancer, candidates, nowMs, random, avoid);
  }
}

/** Power of two choices (Mitzenmacher, 2001), the second drawn from the others. */
function betterOfTwo<T extends Loaded>(
  balancer: Balancer,
  candidates: readonly T[],
  nowMs: number,
  random: () => number,
  avoid: Avoid<T>,
): T | undefined {
  const first = drawUsable(balancer, candidates, -1, random, avoid);
  const second = first < 0 ? -1 : drawUsable(balancer, candidates, first, random, avoid);
  const a = candidates[first];
  const b = candidates[second];
  if (a === undefined || b === undefined) return a;
  return costOf(balancer, b, nowMs) < costOf(balancer, a, nowMs) ? b : a;
}

/** Draws before looking at the endpoints in turn: while most are usable, the draw stays even, and the cost flat. */
const MAX_DRAWS = 4;

/** Index of a usable endpoint other than `except`, at random; -1 if there is none. */
function drawUsable<T extends Loaded>(
  balancer: Balancer,
  candidates: readonly T[],
  except: number,
  random: () => number,
  avoid: Avoid<T>,
): number {
  const count = candidates.length - (except < 0 ? 0 : 1);
  if (count <= 0) return -1;
  let index = 0;
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    index = indexBelow(count, random);
    if (except >= 0 && index >= except) index++;
    if (isUsable(balancer, candidates[index] as T, avoid)) return index;
  }
  return nextUsable(balancer, candidates, index, except, avoid);
}

function isUsable<T extends Loaded>(balancer: Balancer, candidate: T, avoid: Avoid<T>): boolean {
  const { load } = candidate;
  return (
    load.inFlight < balancer.maxInFlight && load.inFlight < load.capacity && (avoid === undefined || !avoid(candidate))
  );
}

function costOf(balancer: Balancer, candidate: Loaded, nowMs: number): number {
  return balancer.kind === "least-request" ? candidate.load.outstanding(nowMs) : candidate.load.score(nowMs);
}

/** Index of the first usable endpoint from `start` on, going round once, leaving out `except`; -1 if there is none. */
function nextUsable<T extends Loaded>(
  balancer: Balancer,
  candidates: readonly T[],
  start: number,
  except: number,
  avoid: Avoid<T>,
): number {
  const count = candidates.length;
  for (let step = 0; step < count; step++) {
    const index = start + step < count ? start + step : start + step - count;
    if (index !== except && isUsable(balancer, candidates[index] as T, avoid)) return index;
  }
  return -1;
}

function indexBelow(count: number, random: () => number): number {
  const index = Math.floor(random() * count);
  // Chance of exactly 1 or more is a fault of its source, not a reason to fail a call.
  return index < count ? index : count - 1;
}
