// All objects of one kind, as the API server has them now: a list, then a watch from there, for ever.
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "./api-client.ts";
import type { KubernetesObject } from "./objects.ts";

const RETRY_MS = 200;

export interface StoreChange<Kind> {
  readonly gone: boolean;
  readonly object: Kind;
}

interface ObjectList<Kind> {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly Kind[] | null;
}

export class ObjectStore<Kind extends KubernetesObject> {
  readonly #client: ApiClient;
  readonly #path: string;
  readonly #objects = new Map<string, Kind>();
  readonly #listeners: ((change: StoreChange<Kind>) => void)[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  /** `path` of the list, such as `/api/v1/pods`. */
  constructor(client: ApiClient, path: string) {
    this.#client = client;
    this.#path = path;
  }

  /** Told every change from `start` on, what is there already included. */
  onChange(listener: (change: StoreChange<Kind>) => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves when the first list has been read; rejects if it cannot be. */
  async start(): Promise<void> {
    const version = await this.#list();
    this.#running = this.#follow(version);
  }

  get(namespace: string, name: string): Kind | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  all(): Iterable<Kind> {
    return this.#objects.values();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #follow(from: string): Promise<void> {
    let version: string | undefined = from;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        version ??= await this.#list();
        version = await this.#watch(version, signal);
      } catch {
        // The server may be busy or gone, or has forgotten that version: begin again with a list.
        version = undefined;
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #list(): Promise<string> {
    const { metadata, items } = await this.#client.get<ObjectList<Kind>>(this.#path);
    const found = new Map((items ?? []).map((object) => [keyOf(object), object]));
    for (const [key, object] of [...this.#objects]) {
      if (!found.has(key)) this.#take({ gone: true, object });
    }
    for (const object of found.values()) this.#take({ gone: false, object });
    return metadata.resourceVersion;
  }

  /** Resolves to the version to go on from, or to nothing if a list is due. */
  async #watch(from: string, signal: AbortSignal): Promise<string | undefined> {
    let version: string | undefined = from;
    const path = `${this.#path}?watch=1&allowWatchBookmarks=true&resourceVersion=${from}`;
    await this.#client.watch(
      path,
      ({ type, object }) => {
        if (type === "ERROR") {
          version = undefined;
          return;
        }
        version = (object as Kind).metadata.resourceVersion ?? version;
        if (type !== "BOOKMARK") this.#take({ gone: type === "DELETED", object: object as Kind });
      },
      signal,
    );
    return version;
  }

  #take(change: StoreChange<Kind>): void {
    const key = keyOf(change.object);
    if (change.gone) this.#objects.delete(key);
    else this.#objects.set(key, change.object);
    for (const listener of this.#listeners) listener(change);
  }
}

function keyOf({ metadata }: KubernetesObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}
