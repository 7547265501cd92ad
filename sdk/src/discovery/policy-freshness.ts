// Whether the policy this process has heard is the one that is in force: routers say their revision each second. Who decides by an
// old policy would let through what has been forbidden since.
import type { LivePolicy } from "./policy-holder.ts";

/** A router takes a policy up to a second before everybody has been pushed it; behind for longer than this, in ms, it is stale. */
export const STALE_AFTER_MS = 2_000;

export class PolicyFreshness {
  readonly #policy: LivePolicy;
  #highest = 0;
  #behindSinceMs = 0;

  constructor(policy: LivePolicy) {
    this.#policy = policy;
  }

  /** A router enforces this revision. */
  heard(revision: number, nowMs: number): void {
    const own = this.#policy.current.revision;
    if (revision <= this.#highest && this.#highest > own) return;
    // Behind since the first that was newer, however many came after it.
    if (this.#highest <= own && revision > own) this.#behindSinceMs = nowMs;
    this.#highest = Math.max(this.#highest, revision);
  }

  /** Whether decisions may be made by the policy at hand: it is known, and no router is ahead of it for long. */
  isFresh(nowMs: number): boolean {
    const policy = this.#policy;
    if (!policy.loaded) return false;
    return this.#highest <= policy.current.revision || nowMs - this.#behindSinceMs <= STALE_AFTER_MS;
  }
}
