// `keys`: makes the three Secrets of a mesh, or completes them. What is there is never replaced but where it follows from keys.
import { ACCOUNTS_CONF, routerSigner, serialiseRouterSigner } from "@malla/broker-config";
import type { KubernetesApi } from "../kubernetes/api.ts";
import { ROUTER_SIGNER_KEY, secretNames } from "../names.ts";
import type { BootstrapConfig } from "./bootstrap-config.ts";
import { type CompletedKeys, completeKeys, type SecretData } from "./complete-keys.ts";
import { isSameData, MeshSecrets, type ReadSecret, type SecretOutcome } from "./mesh-secrets.ts";
import { serverFiles } from "./server-files.ts";

/** Races against others who do the same; each is lost to somebody who came further. */
const MAX_RACES = 20;

export interface BootstrapKeysOptions {
  readonly api: KubernetesApi;
  readonly config: BootstrapConfig;
  /** What was done, a line at a time; no secret is in it. */
  readonly say: (line: string) => void;
}

/** May be run any number of times, and by several at once: all end with the same keys. */
export async function bootstrapKeys({ api, config, say }: BootstrapKeysOptions): Promise<void> {
  const secrets = new MeshSecrets(api, config.namespace);
  const run = new Run(secrets, config, say);
  for (let race = 0; race < MAX_RACES; race++) if (await run.once()) return;
  throw new Error(`gave up after ${MAX_RACES} races against others who write the same Secrets; run it again`);
}

class Run {
  readonly #secrets: MeshSecrets;
  readonly #config: BootstrapConfig;
  readonly #say: (line: string) => void;
  readonly #names: { readonly keys: string; readonly routerSigner: string; readonly natsConfig: string };

  constructor(secrets: MeshSecrets, config: BootstrapConfig, say: (line: string) => void) {
    this.#secrets = secrets;
    this.#config = config;
    this.#say = say;
    const { release } = config;
    this.#names = {
      keys: secretNames.keys(release),
      routerSigner: secretNames.routerSigner(release),
      natsConfig: secretNames.natsConfig(release),
    };
  }

  /** False: somebody else wrote meanwhile, and all is to be looked at again. */
  async once(): Promise<boolean> {
    const read = await this.#readKeys();
    const completed = await completeKeys(read.data, this.#config.applications, this.#title(this.#names.keys));
    const outcome = await this.#secrets.write(this.#names.keys, read, completed.data);
    if (outcome === "conflict") return false;
    this.#tell(this.#names.keys, outcome, outcome === "changed" ? `added ${completed.added.join(", ")}` : undefined);
    if (!(await this.#writeSigner(completed)) || !(await this.#writeNatsConfig(completed))) return false;
    // Whoever completed the keys meanwhile may have written what follows from them before us, and we over it.
    const now = await this.#secrets.read(this.#names.keys);
    return isSameData(now.data, completed.data);
  }

  async #readKeys(): Promise<ReadSecret> {
    const read = await this.#secrets.read(this.#names.keys);
    if (read.stored !== undefined) return read;
    const { stored: config } = await this.#secrets.read(this.#names.natsConfig);
    if (config === undefined) return read;
    // They may have been made between the two looks.
    const again = await this.#secrets.read(this.#names.keys);
    if (again.stored !== undefined) return again;
    throw new Error(
      `${this.#title(this.#names.keys)} is not there, and ${this.#names.natsConfig} is, so the keys of a mesh were lost: new ones would end it. Restore them (docs/backup.md), or delete ${this.#names.natsConfig} too to start a new mesh.`,
    );
  }

  async #writeSigner({ keys }: CompletedKeys): Promise<boolean> {
    const name = this.#names.routerSigner;
    const data = encode([[ROUTER_SIGNER_KEY, `${serialiseRouterSigner(routerSigner(keys))}\n`]]);
    const outcome = await this.#secrets.write(name, await this.#secrets.read(name), data);
    if (outcome === "conflict") return false;
    this.#tell(name, outcome, outcome === "changed" ? "routers take it when they are started again" : undefined);
    return true;
  }

  async #writeNatsConfig({ keys }: CompletedKeys): Promise<boolean> {
    const name = this.#names.natsConfig;
    const read = await this.#secrets.read(name);
    const before = read.data[ACCOUNTS_CONF];
    const earlier = before === undefined ? undefined : Buffer.from(before, "base64").toString("utf8");
    const data = encode(await serverFiles(keys, this.#config, earlier));
    const outcome = await this.#secrets.write(name, read, data);
    if (outcome === "conflict") return false;
    this.#tell(name, outcome, outcome === "changed" ? this.#whatToDo(read.data, data) : undefined);
    return true;
  }

  /** Accounts are read again by a server that runs; nearly all else needs a restart. */
  #whatToDo(before: SecretData, after: SecretData): string {
    const files = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
      (file) => before[file] !== after[file],
    );
    const statefulSet = `statefulset/${this.#config.release}-nats`;
    const restart = `kubectl -n ${this.#config.namespace} rollout restart ${statefulSet}`;
    return files.length === 1 && files[0] === ACCOUNTS_CONF
      ? `the accounts are others than those that run: servers take them when the reloader tells them, else by \`${restart}\``
      : `${files.sort().join(", ")} changed: servers take it when they are started again, as by an upgrade of the chart, else by \`${restart}\``;
  }

  #tell(name: string, outcome: SecretOutcome, more: string | undefined): void {
    this.#say(`${this.#title(name)}: ${outcome}${more === undefined ? "" : `; ${more}`}`);
  }

  #title(name: string): string {
    return `Secret ${this.#config.namespace}/${name}`;
  }
}

function encode(files: Iterable<readonly [string, string]>): SecretData {
  return Object.fromEntries([...files].map(([name, text]) => [name, Buffer.from(text).toString("base64")]));
}
