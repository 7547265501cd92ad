// All objects of one kind, kept up to date: a list, then a watch from there, resumed without end. What it holds is a whole
// picture at any time; whoever looks is called after each change and looks at the picture, not at the change.
import { setTimeout as sleep } from "node:timers/promises";
import { type KubernetesApi, KubernetesError, type KubernetesObject, type ResourceKind } from "./api.ts";

/** Wait after a failure, in ms: doubles to the cap, with full jitter. */
const BASE_MS = 250;
const CAP_MS = 10_000;
/** A kind that the cluster does not have is looked for this often, in ms: somebody may install it. */
const ABSENT_MS = 30_000;
const GONE = 410;
const NOT_FOUND = 404;

export interface WatchKindOptions {
  readonly api: KubernetesApi;
  readonly kind: ResourceKind;
  /** Undefined: all of them. */
  readonly namespace: string | undefined;
  /**
   * Called after each change of what somebody wants, and after each list. What somebody reports, in a status, is kept too and
   * calls nobody.
   */
  readonly onChange: () => void;
  /** Told of each failure; it goes on by itself. */
  readonly onError: (error: unknown) => void;
  /** In [0, 1). */
  readonly random?: () => number;
  /** The cluster may not have this kind: then there are none, and nobody is told of an error. */
  readonly optional?: boolean;
}

export class WatchKind<T extends KubernetesObject = KubernetesObject> {
  readonly kind: ResourceKind;
  readonly #options: WatchKindOptions;
  readonly #objects = new Map<string, T>();
  readonly #stop = new AbortController();
  #synced = false;
  #failures = 0;

  constructor(options: WatchKindOptions) {
    this.kind = options.kind;
    this.#options = options;
  }

  /** Whether a whole list has been read. What is held before says nothing about what is not there. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Whether objects of a namespace are among those it holds. */
  covers(namespace: string): boolean {
    return this.#options.namespace === undefined || this.#options.namespace === namespace;
  }

  all(): readonly T[] {
    return [...this.#objects.values()];
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stop.abort();
  }

  /** What the API answered to a write is newer than what the watch has brought. */
  learn(object: T): void {
    const known = this.#objects.get(keyOf(object));
    if (known !== undefined && known.metadata.uid === object.metadata.uid && isNewer(object, known))
      this.#objects.set(keyOf(object), object);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow(await this.#list(), signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#failed(error, signal);
      }
    }
  }

  async #list(): Promise<string> {
    const { api, kind, namespace, onChange } = this.#options;
    const { items, resourceVersion } = await api.list<T>(kind, namespace);
    this.#objects.clear();
    for (const object of items) this.#objects.set(keyOf(object), object);
    this.#synced = true;
    onChange();
    return resourceVersion;
  }

  /** Ends, by an error, only when a list is needed again. */
  async #follow(from: string, signal: AbortSignal): Promise<void> {
    const { api, kind, namespace, onChange } = this.#options;
    let at = from;
    while (!signal.aborted) {
      try {
        await api.watch<T>(
          kind,
          namespace,
          at,
          ({ type, object }) => {
            at = object.metadata.resourceVersion ?? at;
            this.#failures = 0;
            if (type !== "BOOKMARK" && this.#take(type, object)) onChange();
          },
          signal,
        );
        this.#failures = 0;
      } catch (error) {
        if (error instanceof KubernetesError && (error.status === GONE || error.status === NOT_FOUND)) throw error;
        await this.#failed(error, signal);
      }
    }
  }

  /** True: what is wanted has changed. */
  #take(type: "ADDED" | "MODIFIED" | "DELETED", object: T): boolean {
    const key = keyOf(object);
    const known = this.#objects.get(key);
    if (type === "DELETED") {
      if (known?.metadata.uid !== object.metadata.uid) return false;
      this.#objects.delete(key);
      return true;
    }
    if (known === undefined || known.metadata.uid !== object.metadata.uid) {
      this.#objects.set(key, object);
      return true;
    }
    // What `learn` has brought already may be newer than this.
    if (isNewer(known, object)) return false;
    this.#objects.set(key, object);
    return wishOf(known) !== wishOf(object);
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    const { optional = false, onError, onChange, random = Math.random } = this.#options;
    const status = error instanceof KubernetesError ? error.status : 0;
    if (status === GONE) return;
    if (status === NOT_FOUND && optional) {
      const wasKnown = this.#objects.size > 0 || !this.#synced;
      this.#objects.clear();
      this.#synced = true;
      if (wasKnown) onChange();
      await pause(ABSENT_MS, signal);
      return;
    }
    onError(error);
    this.#failures++;
    await pause(random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(this.#failures, 10)), signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function keyOf({ metadata: { namespace = "", name } }: KubernetesObject): string {
  return `${namespace}/${name}`;
}

/** All of an object but what is reported of it. Objects without a generation have no status. */
function wishOf({ metadata }: KubernetesObject): string {
  const { generation, resourceVersion, deletionTimestamp, finalizers, labels, annotations } = metadata;
  return JSON.stringify([generation ?? resourceVersion, deletionTimestamp, finalizers, labels, annotations]);
}

/** Resource versions are numbers that grow (the API promises so from 1.35 on; etcd always has). */
function isNewer(a: KubernetesObject, b: KubernetesObject): boolean {
  const [left, right] = [a.metadata.resourceVersion ?? "0", b.metadata.resourceVersion ?? "0"];
  return left.length === right.length ? left > right : left.length > right.length;
}
