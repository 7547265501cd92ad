// The three Secrets of a mesh, by a port to Kubernetes: written with the version they were read at, so that of two who write at
// once one sees what the other wrote, and takes it.
import { isConflict, type KubernetesApi, type SecretObject } from "../kubernetes/api.ts";
import { SECRET } from "../kubernetes/resource-kinds.ts";
import { PREFIX } from "../names.ts";
import type { SecretData } from "./complete-keys.ts";

const LABELS = { "app.kubernetes.io/part-of": "malla", "app.kubernetes.io/managed-by": `${PREFIX}-bootstrap` } as const;

export interface ReadSecret {
  readonly data: SecretData;
  /** Undefined: there is none. */
  readonly stored: SecretObject | undefined;
}

/** What became of a write. `conflict`: somebody else wrote first; read again. */
export type SecretOutcome = "unchanged" | "created" | "changed" | "conflict";

export class MeshSecrets {
  readonly #api: KubernetesApi;
  readonly #namespace: string;

  constructor(api: KubernetesApi, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
  }

  async read(name: string): Promise<ReadSecret> {
    const stored = await this.#api.get<SecretObject>(SECRET, { namespace: this.#namespace, name });
    return { data: stored?.data ?? {}, stored };
  }

  /** Writes the data whole, if the Secret is still as it was read. Labels, annotations and type stay. */
  async write(name: string, { stored, data: before }: ReadSecret, data: SecretData): Promise<SecretOutcome> {
    if (stored !== undefined && isSameData(before, data)) return "unchanged";
    try {
      if (stored === undefined) {
        const metadata = { name, namespace: this.#namespace, labels: LABELS };
        await this.#api.create<SecretObject>(SECRET, {
          apiVersion: "v1",
          kind: "Secret",
          type: "Opaque",
          metadata,
          data,
        });
        return "created";
      }
      await this.#api.replace<SecretObject>(SECRET, { ...stored, apiVersion: "v1", kind: "Secret", data });
      return "changed";
    } catch (error) {
      if (isConflict(error)) return "conflict";
      throw error;
    }
  }
}

/** Whether two Secrets hold the same. */
export function isSameData(one: SecretData, other: SecretData): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
