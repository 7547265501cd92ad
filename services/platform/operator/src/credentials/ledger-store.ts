// The ledger in its ConfigMap: read once for each time this process holds the Lease, written by compare-and-set.
import { type Ledger, type LedgerObject, ledgerData, ledgerName, readLedger } from "../identity/ledger.ts";
import type { KubernetesApi, KubernetesObject } from "../kubernetes/api.ts";
import { CONFIG_MAP } from "../kubernetes/resource-kinds.ts";

type ConfigMap = LedgerObject & KubernetesObject;

export class LedgerStore {
  readonly #api: KubernetesApi;
  readonly #namespace: string;
  readonly #name: string;
  #object: ConfigMap | undefined;
  #ledger: Ledger | undefined;

  constructor(api: KubernetesApi, namespace: string, release: string) {
    this.#api = api;
    this.#namespace = namespace;
    this.#name = ledgerName(release);
  }

  /** Undefined before the first `load`. */
  get ledger(): Ledger | undefined {
    return this.#ledger;
  }

  /** Another process may have written it. */
  forget(): void {
    this.#object = undefined;
    this.#ledger = undefined;
  }

  /** Reads it again; what another process wrote meanwhile holds. */
  async load(): Promise<void> {
    this.#object = await this.#api.get<ConfigMap>(CONFIG_MAP, { namespace: this.#namespace, name: this.#name });
    this.#ledger = readLedger(this.#object);
  }

  /** Rejects with status 409 if another process wrote; then it must be loaded again. */
  async write(ledger: Ledger): Promise<void> {
    const data = ledgerData(ledger);
    const metadata = { name: this.#name, namespace: this.#namespace };
    this.#object =
      this.#object === undefined
        ? await this.#api.create<ConfigMap>(CONFIG_MAP, { apiVersion: "v1", kind: "ConfigMap", metadata, data })
        : await this.#api.replace<ConfigMap>(CONFIG_MAP, { ...this.#object, data });
    this.#ledger = ledger;
  }
}
