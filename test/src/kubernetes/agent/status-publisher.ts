// Writes a pod's status whenever it has changed, one request at a time, always the latest.

import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { type ApiClient, ApiError } from "./api-client.ts";
import type { Pod } from "./objects.ts";
import { type Condition, type PodState, type PodStatus, podStatus } from "./pod-status.ts";

const RETRY_MS = 200;
const NOT_FOUND = 404;
const CONFLICT = 409;

export class StatusPublisher {
  readonly #client: ApiClient;
  readonly #pod: Pod;
  readonly #read: () => PodState;
  readonly #say: (line: string) => void;
  #written: PodStatus | undefined;
  #conditions: readonly Condition[] = [];
  #dirty = false;
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(client: ApiClient, pod: Pod, read: () => PodState, say: (line: string) => void) {
    this.#client = client;
    this.#pod = pod;
    this.#read = read;
    this.#say = say;
  }

  changed(): void {
    this.#dirty = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves when all that has changed until now is written, or the pod is gone. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  close(): void {
    this.#closed = true;
  }

  async #write(): Promise<void> {
    const { namespace, name, uid } = this.#pod.metadata;
    while (this.#dirty && !this.#closed) {
      this.#dirty = false;
      const status = podStatus(this.#read(), this.#conditions, new Date().toISOString().replace(/\.\d+Z$/, "Z"));
      this.#conditions = status.conditions;
      if (isDeepStrictEqual(status, this.#written)) continue;
      try {
        await this.#client.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, { metadata: { uid }, status });
        this.#written = status;
      } catch (error) {
        // It went, or another one has its name.
        if (error instanceof ApiError && [NOT_FOUND, CONFLICT].includes(error.status)) return;
        this.#say((error as Error).message);
        this.#dirty = true;
        await sleep(RETRY_MS);
      }
    }
  }
}
