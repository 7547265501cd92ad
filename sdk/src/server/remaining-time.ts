// How much of a call's time is left when it comes to its turn (failure rule 4).
import type { RequestFacts } from "../call/open.ts";
import type { Runtime } from "../call/runtime.ts";
import { DEFAULT_TIMEOUT_MS } from "../contract/index.ts";
import type { RouterDirectory } from "../discovery/router-directory.ts";
import type { Arrived } from "./intake.ts";

/** A request that took longer than this was held up somewhere, in ms, … */
const HELD_UP_MS = 200;
/** … and may have been for so much longer: other clocks are known from announcements, which are late by chance themselves. */
const CLOCK_ERROR_MS = 50;

/**
 * A direct caller stamps by this instance's own clock, which it knows from announcements.
 * Remaining time as the header says, less what the request spent on its way and in our own buffers: by its stamp where the other
 * clock is known, else by how long this process may have left it unread.
 */
export function remainingTimeMs(
  { runtime, routers }: { readonly runtime: Runtime; readonly routers: RouterDirectory },
  facts: RequestFacts,
  { target, router, lostMs }: Pick<Arrived, "target" | "router" | "lostMs">,
): number {
  const given = facts.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const offsetMs = target.kind === "direct" ? 0 : routers.get(router ?? "")?.clockOffset.ms;
  // Without an estimate of the other clock its stamp says nothing.
  if (offsetMs === undefined || facts.sentAtMs === undefined) return given - lostMs;
  const onItsWayMs = Math.max(0, runtime.clock.stampMs() + offsetMs - facts.sentAtMs);
  return given - (onItsWayMs > HELD_UP_MS ? onItsWayMs + CLOCK_ERROR_MS : onItsWayMs);
}
