// Who works: one of several processes, by a Lease of Kubernetes. Times are those of client-go. A holder counts its time from
// before the request that renewed it, by its own monotonic clock, and stops before anybody else may begin.
import { setTimeout as sleep } from "node:timers/promises";
import { isConflict, type KubernetesApi, KubernetesError, type KubernetesObject, type ObjectKey } from "./api.ts";
import { LEASE } from "./resource-kinds.ts";

export interface LeaseTimes {
  /** So long after the last renewal, as others have seen it, they may take it, in ms. */
  readonly durationMs: number;
  /** So long after its last renewal the holder stops by itself, in ms. Shorter than `durationMs`. */
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
}

export const LEASE_TIMES: LeaseTimes = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

export interface LeaseOptions {
  readonly api: KubernetesApi;
  readonly key: ObjectKey;
  /** This process; no two share it. */
  readonly identity: string;
  readonly times?: LeaseTimes;
  readonly onHeld: () => void;
  /** It is not held any more, whether lost or given back; called before anybody else can hold it. */
  readonly onLost: (why: string) => void;
  readonly onError: (error: unknown) => void;
  /** Monotonic. */
  readonly nowMs?: () => number;
  /** ISO instant with microseconds, as the API wants it. */
  readonly instant?: () => string;
}

interface LeaseObject extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export class Lease {
  readonly #options: LeaseOptions;
  readonly #times: LeaseTimes;
  readonly #nowMs: () => number;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #heldUntilMs = Number.NEGATIVE_INFINITY;
  #wasHeld = false;
  #guard: NodeJS.Timeout | undefined;
  /** What was seen last, and when: another's clock is never believed, only that its Lease has not changed for so long. */
  #seen: { readonly version: string; readonly atMs: number } | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#times = options.times ?? LEASE_TIMES;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Asked before each write: true only while nobody else can hold it. */
  get held(): boolean {
    return this.#nowMs() < this.#heldUntilMs;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops working, then gives it back, so that another takes over at once. */
  async release(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    const held = this.held;
    this.#lose("given back");
    if (held) await this.#giveBack().catch(this.#options.onError);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.tryOnce();
      await sleep(this.#times.retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One attempt to take or renew it; never rejects. */
  async tryOnce(): Promise<void> {
    const startedAtMs = this.#nowMs();
    try {
      if (await this.#takeOrRenew()) this.#hold(startedAtMs);
      else this.#lose("another process holds the lease");
    } catch (error) {
      // A conflict means that another has written: the next look tells who holds it. Until then the old time runs on.
      if (!isConflict(error)) this.#options.onError(error);
      if (!this.held) this.#lose("the lease could not be renewed in time");
    }
  }

  #hold(sinceMs: number): void {
    const until = sinceMs + this.#times.renewDeadlineMs;
    if (this.#nowMs() >= until) return this.#lose("the lease could not be renewed in time");
    this.#heldUntilMs = until;
    clearTimeout(this.#guard);
    this.#guard = setTimeout(() => {
      if (!this.held) this.#lose("the lease could not be renewed in time");
    }, until - this.#nowMs()).unref();
    if (this.#wasHeld) return;
    this.#wasHeld = true;
    this.#options.onHeld();
  }

  #lose(why: string): void {
    this.#heldUntilMs = Number.NEGATIVE_INFINITY;
    clearTimeout(this.#guard);
    if (!this.#wasHeld) return;
    this.#wasHeld = false;
    this.#options.onLost(why);
  }

  async #takeOrRenew(): Promise<boolean> {
    const { api, key, identity } = this.#options;
    const found = await api.get<LeaseObject>(LEASE, key);
    if (found === undefined) {
      const metadata = { ...key };
      const spec = this.#spec(undefined);
      await api.create<LeaseObject>(LEASE, { apiVersion: LEASE.apiVersion, kind: LEASE.kind, metadata, spec });
      return true;
    }
    if (found.spec?.holderIdentity !== identity && !this.#mayTake(found)) return false;
    await api.replace<LeaseObject>(LEASE, { ...found, spec: this.#spec(found.spec) });
    return true;
  }

  #mayTake({ metadata: { resourceVersion = "" }, spec = {} }: LeaseObject): boolean {
    if ((spec.holderIdentity ?? "") === "") return true;
    const now = this.#nowMs();
    if (this.#seen?.version !== resourceVersion) {
      this.#seen = { version: resourceVersion, atMs: now };
      return false;
    }
    const durationMs = (spec.leaseDurationSeconds ?? 0) * 1000 || this.#times.durationMs;
    return now - this.#seen.atMs >= durationMs;
  }

  #spec(before: LeaseObject["spec"]): NonNullable<LeaseObject["spec"]> {
    const { identity, instant = microInstant } = this.#options;
    const now = instant();
    const same = before?.holderIdentity === identity;
    const transitions = before === undefined ? 0 : (before.leaseTransitions ?? 0) + (same ? 0 : 1);
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(this.#times.durationMs / 1000)),
      acquireTime: same ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: transitions,
    };
  }

  async #giveBack(): Promise<void> {
    const { api, key, identity, instant = microInstant } = this.#options;
    const found = await api.get<LeaseObject>(LEASE, key);
    if (found?.spec?.holderIdentity !== identity) return;
    const spec = { ...found.spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: instant() };
    try {
      await api.replace<LeaseObject>(LEASE, { ...found, spec });
    } catch (error) {
      if (!(error instanceof KubernetesError) || !isConflict(error)) throw error;
    }
  }
}

/** `metav1.MicroTime`. */
function microInstant(): string {
  return new Date().toISOString().replace("Z", "000Z");
}
