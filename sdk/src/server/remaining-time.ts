// How much of a call's time is left when it comes to its turn (failure rule 4).
import type { RequestFacts } from "../call/open.ts";
import type { Runtime } from "../call/runtime.ts";
import { DEFAULT_TIMEOUT_MS, header, headerValue, parseReplySubject } from "../contract/index.ts";
import type { RouterDirectory } from "../discovery/router-directory.ts";

/** Estimates of another process's clock err by less than this, in ms. */
const CLOCK_ERROR_MS = 50;

/**
 * Remaining time as the header says, less what the request spent on its way and in our own buffers: by its stamp where the other
 * clock is known, else by how long this process may have left it unread.
 */
export function remainingTimeMs(
  { runtime, routers }: { readonly runtime: Runtime; readonly routers: RouterDirectory },
  facts: RequestFacts,
  reply: string,
  lostMs: number,
): number {
  const given = facts.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const sent = headerValue(facts.headers, header.sent);
  const sentAtMs = sent === undefined ? Number.NaN : Number(sent);
  if (!Number.isFinite(sentAtMs)) return given - lostMs;
  const router = parseReplySubject(reply)?.router;
  const offsetMs = router === undefined ? undefined : routers.get(router)?.clockOffset.ms;
  // Without an estimate of the other clock its stamp says nothing.
  if (offsetMs === undefined) return given - lostMs;
  const onItsWayMs = runtime.clock.stampMs() + offsetMs - sentAtMs;
  // Estimates err by some ms; only a delay that clearly exceeds that is taken off.
  return onItsWayMs > CLOCK_ERROR_MS ? given - onItsWayMs : given;
}
