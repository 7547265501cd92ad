// A real API server with a namespace, and the Job `keys` as its ServiceAccount: the Role of the chart and no more.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { secretNames } from "@malla/operator";
import { ApiServer, type CommandOutcome, type KubernetesBinaries, runProgram } from "../harness/index.ts";

const PROGRAM = fileURLToPath(
  new URL("../../../../services/platform/operator/dist/bootstrap/main.js", import.meta.url),
);
export const NAMESPACE = "mesh";
export const RELEASE = "malla";
export const SECRETS = [
  secretNames.keys(RELEASE),
  secretNames.routerSigner(RELEASE),
  secretNames.natsConfig(RELEASE),
] as const;
const ACCOUNT = "malla-keys";

/** As the chart renders it. */
export interface Bootstrap {
  readonly release: string;
  readonly namespace: string;
  readonly applications: readonly string[];
  readonly nats: Readonly<Record<string, unknown>>;
}

export const BOOTSTRAP: Bootstrap = {
  release: RELEASE,
  namespace: NAMESPACE,
  applications: ["SHOP"],
  nats: {
    replicas: 1,
    headlessService: "malla-nats-headless",
    clusterDomain: "cluster.local",
    tls: true,
    maxFileStoreBytes: 2_684_354_560,
    maxMemoryStoreBytes: 268_435_456,
    gateways: [],
    leafnodes: false,
  },
};

export interface StoredSecret {
  readonly metadata: { readonly resourceVersion: string };
  readonly data: Readonly<Record<string, string>>;
}

export class BootstrapWorld {
  readonly api: ApiServer;
  readonly #kubeconfig: string;
  #configs = 0;

  private constructor(api: ApiServer, kubeconfig: string) {
    this.api = api;
    this.#kubeconfig = kubeconfig;
  }

  static async start(binaries: KubernetesBinaries): Promise<BootstrapWorld> {
    const api = await ApiServer.start(binaries);
    try {
      await api.must(["create", "namespace", NAMESPACE]);
      await api.must(["create", "serviceaccount", ACCOUNT, "-n", NAMESPACE]);
      await api.must(["apply", "-f", "-"], JSON.stringify(roleObjects()));
      return new BootstrapWorld(api, await api.kubeconfigFor(NAMESPACE, ACCOUNT));
    } catch (error) {
      await api.stop();
      throw error;
    }
  }

  /** Runs `keys` to its end. */
  async keys(bootstrap: Bootstrap = BOOTSTRAP): Promise<CommandOutcome> {
    return await this.run("keys", { KUBECONFIG: this.#kubeconfig, MALLA_BOOTSTRAP: await this.configFile(bootstrap) });
  }

  /** Runs the program as a Job would. */
  async run(verb: string, env: Readonly<Record<string, string>>): Promise<CommandOutcome> {
    return await runProgram(process.execPath, [PROGRAM, verb], { env });
  }

  async configFile(bootstrap: Bootstrap): Promise<string> {
    const path = join(this.api.folder, `bootstrap-${this.#configs++}.json`);
    await writeFile(path, JSON.stringify(bootstrap));
    return path;
  }

  /** kubectl as the Job's ServiceAccount. */
  async kubectlAsJob(...args: readonly string[]): Promise<CommandOutcome> {
    return await runProgram(this.api.binaries.kubectl, args, {
      env: { KUBECONFIG: this.#kubeconfig, HOME: this.api.folder },
    });
  }

  async secret(name: string): Promise<StoredSecret> {
    return JSON.parse(await this.api.must(["get", "secret", name, "-n", NAMESPACE, "-o", "json"])) as StoredSecret;
  }

  async secrets(): Promise<readonly StoredSecret[]> {
    return await Promise.all(SECRETS.map(async (name) => await this.secret(name)));
  }

  /** Replaces one key of a Secret, as somebody would by hand. */
  async edit(name: string, key: string, value: string): Promise<void> {
    const patch = JSON.stringify({ data: { [key]: value } });
    await this.api.must(["patch", "secret", name, "-n", NAMESPACE, "--type=merge", "-p", patch]);
  }

  /** The files of a Secret in a folder, as a pod has them; `change` says what this machine has elsewhere. */
  async mount(name: string, folder: string, change = (text: string): string => text): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [file, value] of Object.entries((await this.secret(name)).data)) {
      const text = Buffer.from(value, "base64").toString("utf8");
      await writeFile(join(folder, file), change(text), { mode: 0o600 });
    }
  }

  /** A folder that goes with the API server's. */
  async folder(): Promise<string> {
    return await mkdtemp(join(this.api.folder, "pod-"));
  }

  async stop(): Promise<void> {
    await this.api.stop();
    await rm(this.api.folder, { recursive: true, force: true });
  }
}

/** As chart/templates/bootstrap has it. */
function roleObjects(): object {
  const metadata = { name: ACCOUNT, namespace: NAMESPACE };
  const rules = [
    { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
    { apiGroups: [""], resources: ["secrets"], resourceNames: [...SECRETS], verbs: ["get", "update"] },
  ];
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: ACCOUNT };
  const subjects = [{ kind: "ServiceAccount", ...metadata }];
  const apiVersion = "rbac.authorization.k8s.io/v1";
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      { apiVersion, kind: "Role", metadata, rules },
      { apiVersion, kind: "RoleBinding", metadata, roleRef, subjects },
    ],
  };
}
