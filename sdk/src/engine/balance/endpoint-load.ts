// How loaded and how fast one endpoint looks from here: peak-EWMA of its response times (Finagle's PeakEwma; Linkerd's
// constants), calls in flight, what it reports of itself, and a penalty after refusals.
import type { ReportedLoad } from "../../contract/control-messages.ts";
import type { Outcome } from "../outcome.ts";

/** Response time assumed of an endpoint that has work but has not answered yet, in ms (Linkerd). */
export const DEFAULT_RTT_MS = 30;
/** Time constant by which a peak is forgotten, in ms (Linkerd, Finagle). */
export const RTT_DECAY_MS = 10_000;
/** A refused or failed call counts as at least this slow, in ms (Linkerd's load biaser), or a quick refusal would attract. */
export const FAILURE_PENALTY_MS = 5_000;
/** Time constant by which the penalty is forgotten, in ms: 35 ms of it are left after ten seconds. */
export const PENALTY_DECAY_MS = 2_000;
/** A report fades linearly to nothing within this time, in ms: two announcements. */
export const REPORT_TTL_MS = 10_000;
/** Differences below this are noise of the event loop, in ms; it is added to every response time. */
export const RTT_FLOOR_MS = 0.5;
/** A penalty below this has no more to say, in ms. */
const NEGLIGIBLE_MS = 0.01;

/** All numbers of one endpoint. Whoever sends calls `started` and, exactly once for it, `finished`. */
export class EndpointLoad {
  /** Calls sent from here that have not ended. */
  inFlight = 0;
  /** Calls at a time this endpoint takes, as it announced; `pick` gives it no more. */
  capacity = Number.POSITIVE_INFINITY;
  #measured = false;
  #rttMs = 0;
  #rttAtMs = 0;
  #penaltyMs = 0;
  #penaltyAtMs = 0;
  #elsewhere = 0;
  #loopLagMs = 0;
  #reportedAtMs = 0;

  started(_nowMs: number): void {
    this.inFlight++;
  }

  /** One call ended after `rttMs`. An abandoned one is a lower bound: it can raise the estimate, not lower it. */
  finished(outcome: Outcome, rttMs: number, nowMs: number): void {
    if (this.inFlight > 0) this.inFlight--;
    if (outcome === "refused" || outcome === "failure") {
      this.#penaltyMs = FAILURE_PENALTY_MS;
      this.#penaltyAtMs = nowMs;
    }
    // A refusal ran nothing, so its time says nothing of how long work takes.
    if (outcome === "refused" || !(rttMs >= 0)) return;
    if (outcome === "abandoned" && rttMs <= this.#decayedRttMs(nowMs)) return;
    this.#sample(rttMs, nowMs);
  }

  /** What the endpoint said of itself, in a reply or an announcement: it sees the callers this process does not. */
  reported(load: ReportedLoad, nowMs: number): void {
    this.#elsewhere = Math.max(0, load.inFlight + load.queued - this.inFlight);
    this.#loopLagMs = load.loopLagMs;
    this.#reportedAtMs = nowMs;
  }

  /** Expected cost of one more call here; lower is better. Only for comparing endpoints at the same instant. */
  score(nowMs: number): number {
    const freshness = this.#freshness(nowMs);
    const pending = this.inFlight + this.#elsewhere * freshness;
    const costMs = this.#costMs(pending, nowMs) + this.#loopLagMs * freshness + this.#penaltyNowMs(nowMs);
    return (costMs + RTT_FLOOR_MS) * (pending + 1);
  }

  /** Calls it is thought to have: sent from here, and reported from elsewhere. */
  outstanding(nowMs: number): number {
    return this.inFlight + this.#elsewhere * this.#freshness(nowMs);
  }

  /** The estimate of its response time, in ms; 0 until the first answer. */
  rttMs(nowMs: number): number {
    return this.#decayedRttMs(nowMs);
  }

  /** Unmeasured and idle costs nothing, so a new endpoint gets one call at once, and the next when that has answered. */
  #costMs(pending: number, nowMs: number): number {
    if (this.#measured) return this.#decayedRttMs(nowMs);
    return pending > 0 ? DEFAULT_RTT_MS : 0;
  }

  #sample(rttMs: number, nowMs: number): void {
    const current = this.#measured ? this.#rttMs : 0;
    if (!this.#measured || rttMs >= current) this.#rttMs = rttMs;
    else {
      const weight = decay(nowMs - this.#rttAtMs, RTT_DECAY_MS);
      this.#rttMs = current * weight + rttMs * (1 - weight);
    }
    this.#measured = true;
    this.#rttAtMs = nowMs;
  }

  /** Without answers the estimate decays, so that a slow endpoint is tried again some day. */
  #decayedRttMs(nowMs: number): number {
    return this.#rttMs * decay(nowMs - this.#rttAtMs, RTT_DECAY_MS);
  }

  #penaltyNowMs(nowMs: number): number {
    if (this.#penaltyMs === 0) return 0;
    const left = this.#penaltyMs * decay(nowMs - this.#penaltyAtMs, PENALTY_DECAY_MS);
    if (left < NEGLIGIBLE_MS) this.#penaltyMs = 0;
    return left;
  }

  #freshness(nowMs: number): number {
    const left = 1 - (nowMs - this.#reportedAtMs) / REPORT_TTL_MS;
    return Math.min(Math.max(left, 0), 1);
  }
}

/** Weight of the past after some time; time that runs backwards forgets nothing. */
function decay(elapsedMs: number, tauMs: number): number {
  return elapsedMs <= 0 ? 1 : Math.exp(-elapsedMs / tauMs);
}
