// The routers this process knows, from their announcements, with what this process has in flight at each.
import type { RouterState } from "../contract/index.ts";
import { ClockOffset } from "./clock-offset.ts";

/** A router that has not announced itself for this long gets no new calls, in ms: it announces every second. */
export const ROUTER_SILENT_MS = 3_500;
/** A router whose queue the broker called empty gets no new calls for this long, in ms. */
const SUSPECT_MS = 1_500;
/** More routers than this are not remembered. */
export const MAX_ROUTERS = 1_000;

export interface KnownRouter {
  readonly id: string;
  state: RouterState;
  seenAtMs: number;
  suspectUntilMs: number;
  /** The router's stamps minus ours. */
  readonly clockOffset: ClockOffset;
  /** Calls of this process that wait for an answer of it. */
  inFlight: number;
}

export class RouterDirectory {
  readonly #routers = new Map<string, KnownRouter>();
  #usable: KnownRouter[] = [];
  /** Known and not draining, but suspect or silent: better than nobody, since they can be asked what became of a call. */
  #doubtful: KnownRouter[] = [];

  all(): Iterable<KnownRouter> {
    return this.#routers.values();
  }

  get(id: string): KnownRouter | undefined {
    return this.#routers.get(id);
  }

  /** Takes an announcement. True if this router was not known before. */
  announce(id: string, state: RouterState, nowMs: number, stampMs: number): boolean {
    const offsetMs = state.sentAtMs === 0 ? 0 : state.sentAtMs - stampMs;
    const known = this.#routers.get(id);
    if (known === undefined) {
      if (this.#routers.size >= MAX_ROUTERS) return false;
      const clockOffset = new ClockOffset(offsetMs);
      this.#routers.set(id, { id, state, seenAtMs: nowMs, suspectUntilMs: 0, clockOffset, inFlight: 0 });
      this.#rebuild(nowMs);
      return true;
    }
    const changed = known.state.draining !== state.draining || known.suspectUntilMs !== 0;
    known.state = state;
    known.seenAtMs = nowMs;
    known.clockOffset.take(offsetMs);
    known.suspectUntilMs = 0;
    if (changed) this.#rebuild(nowMs);
    return false;
  }

  /** Whether there is a router, besides `except`, that is not in doubt. */
  hasUsable(except?: KnownRouter): boolean {
    return this.#usable.some((router) => router !== except);
  }

  /** The broker says that nobody listens there, or it does not answer. */
  suspect(id: string, nowMs: number): void {
    const known = this.#routers.get(id);
    if (known === undefined) return;
    known.suspectUntilMs = nowMs + SUSPECT_MS;
    this.#rebuild(nowMs);
  }

  /** It has answered: it is there. */
  trust(id: string, nowMs: number): void {
    const known = this.#routers.get(id);
    if (known === undefined || known.suspectUntilMs === 0) return;
    known.suspectUntilMs = 0;
    this.#rebuild(nowMs);
  }

  /** Drops what has been silent; not to be called while this process could not hear. */
  sweep(nowMs: number): void {
    for (const router of this.#routers.values()) {
      if (nowMs - router.seenAtMs > ROUTER_SILENT_MS * 3) this.#routers.delete(router.id);
    }
    this.#rebuild(nowMs);
  }

  /** After a time of deafness everybody counts as seen now. */
  thaw(nowMs: number): void {
    for (const router of this.#routers.values()) router.seenAtMs = nowMs;
    this.#rebuild(nowMs);
  }

  /**
   * The better of two drawn by chance, by calls in flight from here (power of two choices); of those in doubt only where there
   * are no others. Undefined: none is known but perhaps `except`, which has just refused.
   */
  choose(random: () => number, except?: KnownRouter): KnownRouter | undefined {
    const known = this.#usable.length > 0 ? this.#usable : this.#doubtful;
    const usable = except === undefined ? known : known.filter((router) => router !== except);
    const count = usable.length;
    if (count <= 1) return usable[0];
    const first = Math.floor(random() * count);
    let second = Math.floor(random() * (count - 1));
    if (second >= first) second++;
    const a = usable[first] as KnownRouter;
    const b = usable[second] as KnownRouter;
    return b.inFlight < a.inFlight ? b : a;
  }

  #rebuild(nowMs: number): void {
    this.#usable = [];
    this.#doubtful = [];
    for (const router of this.#routers.values()) {
      if (router.state.draining) continue;
      const inDoubt = router.suspectUntilMs > nowMs || nowMs - router.seenAtMs > ROUTER_SILENT_MS;
      (inDoubt ? this.#doubtful : this.#usable).push(router);
    }
  }
}
