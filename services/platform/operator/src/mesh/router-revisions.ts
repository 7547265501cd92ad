// Which revision of the policy every router has in force, from their announcements.
import { decodeRouterState, parseRouterSubject } from "@malla/sdk/contract";
import { type KnownRouter, ROUTER_SILENT_MS, RouterDirectory } from "@malla/sdk/discovery";

/** Routers announce themselves every second: who has listened for so long has heard all of them, in ms. */
const HEARD_MS = 1_500;

/** What can be said of a revision. `unknown`: nobody has listened long enough. */
export type Spread =
  | { readonly type: "everywhere"; readonly routers: number }
  | { readonly type: "behind"; readonly routers: readonly string[] }
  | { readonly type: "no-router" }
  | { readonly type: "unknown" };

export class RouterRevisions {
  readonly #routers = new RouterDirectory();
  readonly #nowMs: () => number;
  #listeningSinceMs: number | undefined;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** The connection is up: from now on everything is heard. */
  listening(): void {
    const now = this.#nowMs();
    this.#listeningSinceMs = now;
    this.#routers.thaw(now);
  }

  /** The connection is down. */
  deaf(): void {
    this.#listeningSinceMs = undefined;
  }

  /** Takes an announcement. True if the router enforces another revision than it did, or is new, or drains. */
  hear(subject: string, payload: Uint8Array): boolean {
    const id = parseRouterSubject(subject);
    const state = decodeRouterState(payload);
    if (id === undefined || state === undefined) return false;
    const before = this.#routers.get(id)?.state;
    this.#routers.announce(id, state, this.#nowMs(), Date.now());
    return before?.policyRevision !== state.policyRevision || before.draining !== state.draining;
  }

  sweep(): void {
    if (this.#listeningSinceMs !== undefined) this.#routers.sweep(this.#nowMs());
  }

  /** Where a revision, or a later one, is in force. Routers that drain or are silent are not asked for. */
  spread(revision: number): Spread {
    const now = this.#nowMs();
    if (this.#listeningSinceMs === undefined || now - this.#listeningSinceMs < HEARD_MS) return { type: "unknown" };
    const present = [...this.#routers.all()].filter((router) => isPresent(router, now));
    if (present.length === 0) return { type: "no-router" };
    const behind = present.filter(({ state }) => state.policyRevision < revision).map(({ id }) => id);
    return behind.length === 0
      ? { type: "everywhere", routers: present.length }
      : { type: "behind", routers: behind.sort() };
  }
}

function isPresent({ state, seenAtMs }: KnownRouter, nowMs: number): boolean {
  return !state.draining && nowMs - seenAtMs <= ROUTER_SILENT_MS;
}
