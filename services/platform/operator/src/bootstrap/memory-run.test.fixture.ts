// `keys` against Kubernetes' API in memory.
import type { KubernetesApi, SecretObject } from "../kubernetes/api.ts";
import type { MemoryApi } from "../kubernetes/memory-api.test.fixture.ts";
import { SECRET } from "../kubernetes/resource-kinds.ts";
import type { BootstrapConfig } from "./bootstrap-config.ts";
import { bootstrapKeys } from "./bootstrap-keys.ts";
import type { SecretData } from "./complete-keys.ts";
import { CONFIG } from "./config.test.fixture.ts";

/** The three Secrets. */
export const NAMES = ["malla-keys", "malla-router-signer", "malla-nats-config"] as const;

/** Runs `keys` and returns what it said. */
export async function run(api: KubernetesApi, config: BootstrapConfig = CONFIG): Promise<string[]> {
  const lines: string[] = [];
  await bootstrapKeys({ api, config, say: (line) => void lines.push(line) });
  return lines;
}

export function secret(api: MemoryApi, name: string): SecretObject {
  return api.peek<SecretObject>(SECRET, "mesh", name) as SecretObject;
}

export const dataOf = (api: MemoryApi, name = "malla-keys"): SecretData => secret(api, name).data ?? {};
export const textOf = (api: MemoryApi, name: string, key: string): string =>
  Buffer.from(dataOf(api, name)[key] ?? "", "base64").toString("utf8");
export const allOf = (api: MemoryApi): SecretData[] => NAMES.map((name) => dataOf(api, name));
