// A mesh and an API server with the CRDs of the chart, and operators between them, each a process of its own that acts as a
// ServiceAccount with the operator's rules and no more.
import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CLUSTER_RULES, CRD_FOLDER, leaseName, OPERATOR_RULES, ownRules, type PolicyRule } from "@malla/operator";
import { type ChildProgram, startProgram } from "../../harness/child-program.ts";
import { eventually, startMesh, type TestMesh, type TestMeshOptions } from "../../harness/index.ts";
import type { PolicyDesk } from "../../harness/policy-desk.ts";
import { ApiServer, type CommandOutcome, type KubernetesBinaries, runProgram } from "../harness/index.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PROGRAM = join(ROOT, "services/platform/operator/dist/main.js");
const MALLA = join(ROOT, "services/platform/cli/dist/main.js");
export const SYSTEM_NAMESPACE = "malla-system";
const RELEASE = "malla";
export const LEASE_NAME = leaseName(RELEASE);
const ACCOUNT = "operator";

interface Ready {
  readonly operator: string;
  readonly port: number;
}

export type OperatorProcess = ChildProgram<Ready>;

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

export interface Resource {
  readonly metadata: { readonly generation: number; readonly finalizers?: readonly string[] };
  readonly status?: {
    readonly revision?: number;
    readonly observedGeneration?: number;
    readonly contentHash?: string;
    readonly conditions?: readonly Condition[];
  };
}

export class OperatorMesh {
  readonly api: ApiServer;
  readonly mesh: TestMesh;
  readonly kubeconfig: string;
  readonly #operators = new Set<OperatorProcess>();
  #desk: PolicyDesk | undefined;

  private constructor(api: ApiServer, mesh: TestMesh, kubeconfig: string) {
    this.api = api;
    this.mesh = mesh;
    this.kubeconfig = kubeconfig;
  }

  static async start(binaries: KubernetesBinaries, options: TestMeshOptions = {}): Promise<OperatorMesh> {
    const api = await ApiServer.start(binaries);
    try {
      await applyCrds(api);
      await grant(api);
      const kubeconfig = await api.kubeconfigFor(SYSTEM_NAMESPACE, ACCOUNT);
      return new OperatorMesh(api, await startMesh(options), kubeconfig);
    } catch (error) {
      await api.stop();
      throw error;
    }
  }

  /** One more operator; it has been started, not yet elected. */
  async operator(environment: Readonly<Record<string, string>> = {}): Promise<OperatorProcess> {
    const operator = await startProgram<Ready>(PROGRAM, {
      KUBECONFIG: this.kubeconfig,
      NATS_URL: this.mesh.url,
      MALLA_HOME: this.mesh.home,
      MALLA_RELEASE: RELEASE,
      MALLA_NAMESPACE: SYSTEM_NAMESPACE,
      MALLA_OPERATOR_PORT: "0",
      MALLA_READY_LINE: "1",
      MALLA_PARENT_STDIN: "1",
      ...environment,
    });
    this.#operators.add(operator);
    return operator;
  }

  async holder(): Promise<string> {
    return await this.api.must([
      ...["get", "lease", LEASE_NAME, "-n", SYSTEM_NAMESPACE],
      ...["-o", "jsonpath={.spec.holderIdentity}"],
    ]);
  }

  /** Resolves when this operator holds the Lease. */
  async leads(operator: OperatorProcess, withinMs = 30_000): Promise<void> {
    await eventually(
      async () => {
        const holder = await this.holder();
        if (holder !== operator.ready.operator)
          throw new Error(`${holder || "nobody"} holds the lease\n${operator.stderr}`);
      },
      { withinMs, everyMs: 100 },
    );
  }

  async apply(yaml: string, ...args: readonly string[]): Promise<void> {
    await this.api.must(["apply", "-f", "-", ...args], yaml);
  }

  async resource(kind: string, name: string, namespace = "default"): Promise<Resource> {
    return JSON.parse(await this.api.must(["get", kind, name, "-n", namespace, "-o", "json"])) as Resource;
  }

  async condition(kind: string, name: string, type: string, namespace = "default"): Promise<Condition> {
    const { status } = await this.resource(kind, name, namespace);
    const found = status?.conditions?.find((one) => one.type === type);
    if (found === undefined) throw new Error(`${kind} ${name} has no condition ${type}`);
    return found;
  }

  /** Resolves when a condition has this reason, to the condition. */
  async until(kind: string, name: string, type: string, reason: string, withinMs = 10_000): Promise<Condition> {
    return await eventually(
      async () => {
        const found = await this.condition(kind, name, type);
        if (found.reason !== reason)
          throw new Error(`${kind} ${name} ${type} is ${found.status}, ${found.reason}: ${found.message}`);
        return found;
      },
      { withinMs, everyMs: 100 },
    );
  }

  /** A file of the test's own; returns its path. */
  async file(name: string, text: string): Promise<string> {
    const path = join(this.mesh.folder, name);
    await writeFile(path, text);
    return path;
  }

  /** The command as people type it, at home in this mesh; never rejects for its exit code. */
  async malla(args: readonly string[]): Promise<CommandOutcome> {
    const env = { MALLA_HOME: this.mesh.home, NATS_URL: this.mesh.url };
    return await runProgram(process.execPath, [MALLA, ...args], { env });
  }

  /** `Kind/name` of what is in the policy now. */
  async inPolicy(): Promise<readonly string[]> {
    this.#desk ??= await this.mesh.desk();
    const { documents } = await this.#desk.read();
    return documents.map(({ document }) => `${document.kind}/${document.metadata.name}`);
  }

  async stop(): Promise<void> {
    for (const operator of this.#operators) if (operator.running) await operator.end("SIGTERM");
    await this.mesh.stop();
    await this.api.stop();
  }
}

export async function applyCrds(api: ApiServer): Promise<void> {
  await api.must(["apply", "--server-side", "-f", join(ROOT, CRD_FOLDER)]);
  for (const file of readdirSync(join(ROOT, CRD_FOLDER))) {
    await api.must(["wait", "--for=condition=Established", `crd/${file.replace(/\.yaml$/, "")}`, "--timeout=30s"]);
  }
  // Established is said a moment before the paths are served.
  await eventually(async () => void (await api.must(["get", "malla", "-A"])), { withinMs: 15_000, everyMs: 200 });
}

async function grant(api: ApiServer): Promise<void> {
  const cluster = "rbac.authorization.k8s.io";
  const subjects = [{ kind: "ServiceAccount", name: ACCOUNT, namespace: SYSTEM_NAMESPACE }];
  const named = (name: string): object => ({ name, namespace: SYSTEM_NAMESPACE });
  const role = (kind: string, name: string, rules: readonly PolicyRule[]): object[] => [
    { apiVersion: `${cluster}/v1`, kind, metadata: named(name), rules },
    {
      apiVersion: `${cluster}/v1`,
      kind: `${kind}Binding`,
      metadata: named(name),
      roleRef: { apiGroup: cluster, kind, name },
      subjects,
    },
  ];
  const items = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: SYSTEM_NAMESPACE } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: named(ACCOUNT) },
    ...role("ClusterRole", "malla-operator", [...OPERATOR_RULES, ...CLUSTER_RULES]).map(withoutNamespace),
    ...role("Role", "malla-operator", ownRules(RELEASE)),
  ];
  await api.must(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
}

function withoutNamespace(object: object): object {
  const { metadata, ...rest } = object as { metadata: { name: string } };
  return { ...rest, metadata: { name: metadata.name } };
}
