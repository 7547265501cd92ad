// Kubernetes' API in memory, as far as the operator uses it: versions, generations, finalizers, conflicts, watches that can be
// resumed, and refusals on demand.
import {
  type KubernetesApi,
  KubernetesError,
  type KubernetesObject,
  type ObjectKey,
  type ObjectList,
  type ResourceKind,
  type WatchEvent,
} from "./api.ts";

interface Happened {
  readonly plural: string;
  readonly version: number;
  readonly event: WatchEvent<KubernetesObject>;
}

type Writable = { -readonly [Name in keyof KubernetesObject]: KubernetesObject[Name] };

export class MemoryApi implements KubernetesApi {
  /** Every request, as `verb plural namespace/name`. */
  readonly requests: string[] = [];
  /** Rejects instead, where it returns an error. */
  refuse: (request: string) => Error | undefined = () => undefined;
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #log: Happened[] = [];
  readonly #listeners = new Set<(happened: Happened) => void>();
  #version = 0;
  #forgottenBefore = 0;
  #createdAt = Date.UTC(2030, 0, 1);

  async list<T extends KubernetesObject>(kind: ResourceKind, namespace: string | undefined): Promise<ObjectList<T>> {
    await this.#asked("list", kind, { namespace: namespace ?? "", name: "" });
    const items = [...this.#objects.entries()]
      .filter(([key]) => key.startsWith(`${kind.plural} ${namespace === undefined ? "" : `${namespace}/`}`))
      .map(([, object]) => object as T);
    return { items, resourceVersion: String(this.#version) };
  }

  async watch<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string | undefined,
    resourceVersion: string,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#asked("watch", kind, { namespace: namespace ?? "", name: "" });
    const from = Number(resourceVersion);
    if (from < this.#forgottenBefore) throw new KubernetesError("watch: Expired: too old", 410, "Expired");
    const concerns = ({ plural, event }: Happened): boolean =>
      plural === kind.plural && (namespace === undefined || event.object.metadata.namespace === namespace);
    const tell = (happened: Happened): void => {
      if (concerns(happened)) onEvent(happened.event as WatchEvent<T>);
    };
    for (const happened of this.#log.filter(({ version }) => version > from)) tell(happened);
    this.#listeners.add(tell);
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      this.#endWatches.add(resolve);
    });
    this.#listeners.delete(tell);
  }

  readonly #endWatches = new Set<() => void>();

  /** Ends all watches, as the server does from time to time; `forget`: their versions are too old then. */
  endWatches({ forget = false } = {}): void {
    if (forget) this.#forgottenBefore = this.#version;
    for (const end of this.#endWatches) end();
    this.#endWatches.clear();
  }

  async get<T extends KubernetesObject>(kind: ResourceKind, key: ObjectKey): Promise<T | undefined> {
    await this.#asked("get", kind, key);
    return this.peek<T>(kind, key.namespace, key.name);
  }

  /** What is there, without a request. */
  peek<T extends KubernetesObject>(kind: ResourceKind, namespace: string, name: string): T | undefined {
    return this.#objects.get(`${kind.plural} ${namespace}/${name}`) as T | undefined;
  }

  async create<T extends KubernetesObject>(kind: ResourceKind, object: T): Promise<T> {
    await this.#asked("create", kind, keyOf(object));
    if (this.#find(kind, object) !== undefined) throw refusal(409, "AlreadyExists");
    return this.#store(kind, object, undefined) as T;
  }

  async replace<T extends KubernetesObject>(kind: ResourceKind, object: T): Promise<T> {
    await this.#asked("update", kind, keyOf(object));
    return this.#store(kind, object, this.#current(kind, object)) as T;
  }

  async apply<T extends KubernetesObject>(kind: ResourceKind, object: T): Promise<T> {
    await this.#asked("apply", kind, keyOf(object));
    const before = this.#find(kind, object);
    return this.#store(
      kind,
      { ...before, ...object, metadata: { ...before?.metadata, ...object.metadata } },
      before,
    ) as T;
  }

  async replaceStatus<T extends KubernetesObject>(kind: ResourceKind, object: T, status: unknown): Promise<T> {
    await this.#asked("status", kind, keyOf(object));
    const before = this.#current(kind, object);
    return this.#store(kind, { ...before, status } as KubernetesObject, before) as T;
  }

  async setFinalizers<T extends KubernetesObject>(
    kind: ResourceKind,
    object: T,
    finalizers: readonly string[],
  ): Promise<T> {
    await this.#asked("finalizers", kind, keyOf(object));
    const before = this.#current(kind, object);
    return this.#store(kind, { ...before, metadata: { ...before.metadata, finalizers } }, before) as T;
  }

  async delete(kind: ResourceKind, key: ObjectKey): Promise<void> {
    await this.#asked("delete", kind, key);
    const before = this.peek(kind, key.namespace, key.name);
    if (before === undefined) return;
    const deletionTimestamp = "2030-02-01T00:00:00Z";
    this.#store(kind, { ...before, metadata: { ...before.metadata, deletionTimestamp } }, before);
  }

  async #asked(verb: string, { plural }: ResourceKind, { namespace, name }: ObjectKey): Promise<void> {
    const request = `${verb} ${plural} ${namespace}/${name}`;
    this.requests.push(request);
    await Promise.resolve();
    const error = this.refuse(request);
    if (error !== undefined) throw error;
  }

  #find(kind: ResourceKind, { metadata: { namespace = "", name } }: KubernetesObject): KubernetesObject | undefined {
    return this.peek(kind, namespace, name);
  }

  #current(kind: ResourceKind, object: KubernetesObject): KubernetesObject {
    const before = this.#find(kind, object);
    if (before === undefined) throw refusal(404, "NotFound");
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)
      throw refusal(409, "Conflict");
    return before;
  }

  #store(kind: ResourceKind, object: KubernetesObject, before: KubernetesObject | undefined): KubernetesObject {
    this.#version++;
    this.#createdAt += 1_000;
    const isChanged = JSON.stringify(before?.spec) !== JSON.stringify(object.spec);
    const stored: Writable = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: before?.metadata.uid ?? `uid-${this.#version}`,
        creationTimestamp:
          before?.metadata.creationTimestamp ?? new Date(this.#createdAt).toISOString().replace(".000Z", "Z"),
        generation: (before?.metadata.generation ?? 0) + (isChanged || before === undefined ? 1 : 0),
        resourceVersion: String(this.#version),
      },
    };
    const { deletionTimestamp, finalizers = [], namespace = "", name } = stored.metadata;
    const key = `${kind.plural} ${namespace}/${name}`;
    const goes = deletionTimestamp !== undefined && finalizers.length === 0;
    if (goes) this.#objects.delete(key);
    else this.#objects.set(key, stored);
    const type = goes ? "DELETED" : before === undefined ? "ADDED" : "MODIFIED";
    const happened = { plural: kind.plural, version: this.#version, event: { type, object: stored } as const };
    this.#log.push(happened);
    for (const tell of this.#listeners) tell(happened);
    return stored;
  }
}

function keyOf({ metadata: { namespace = "", name } }: KubernetesObject): ObjectKey {
  return { namespace, name };
}

export function refusal(status: number, reason: string): KubernetesError {
  return new KubernetesError(`${reason}: as the test wants it`, status, reason);
}
