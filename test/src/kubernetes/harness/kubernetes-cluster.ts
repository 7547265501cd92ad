// A whole cluster: API server, controllers, scheduler, and nodes on which pods run as processes of this machine.
import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findNatsServer } from "@malla/broker-config";
import { freePort } from "../../harness/free-port.ts";
import { eventually } from "../../harness/index.ts";
import { chartImages, type FindImage, NodeAgent, PodNetwork } from "../agent/index.ts";
import { ApiServer } from "./api-server.ts";
import { endInBackground, startInBackground } from "./background-program.ts";
import type { KubernetesBinaries } from "./kubernetes-binaries.ts";

const NODES_READY_MS = 60_000;
const POLL_MS = 100;
const KEPT_JOURNAL_LINES = 200;

export interface ClusterOptions {
  /** Each in a zone of its own. Default 3. */
  readonly nodes?: number;
  /** Default: those of the chart. */
  readonly findImage?: FindImage;
}

export class KubernetesCluster {
  readonly api: ApiServer;
  readonly agent: NodeAgent;
  readonly #network: PodNetwork;
  readonly #folder: string;
  readonly #children: readonly ChildProcess[];

  private constructor(parts: {
    readonly api: ApiServer;
    readonly agent: NodeAgent;
    readonly network: PodNetwork;
    readonly folder: string;
    readonly children: readonly ChildProcess[];
  }) {
    this.api = parts.api;
    this.agent = parts.agent;
    this.#network = parts.network;
    this.#folder = parts.folder;
    this.#children = parts.children;
  }

  /** Resolves when pods can be scheduled, about twenty seconds later. Needs what `nodesOrSkip` asks for. */
  static async start(
    binaries: KubernetesBinaries,
    { nodes = 3, findImage }: ClusterOptions = {},
  ): Promise<KubernetesCluster> {
    const undo: (() => Promise<unknown>)[] = [];
    try {
      const folder = await mkdtemp(join(tmpdir(), "malla-cluster-"));
      undo.push(() => rm(folder, { recursive: true, force: true }));
      const network = await PodNetwork.create();
      undo.push(() => network.remove());
      const api = await ApiServer.start(binaries, { host: network.address });
      undo.push(() => api.stop());
      const children = await startControlPlane(api);
      undo.push(() => Promise.all(children.map(endInBackground)));
      const agent = await NodeAgent.start({
        access: { url: api.url, token: api.token, ca: await readFile(api.caFile, "utf8") },
        network,
        findImage: findImage ?? chartImages((await findNatsServer()).path),
        folder,
        nodes: Array.from({ length: nodes }, (_, index) => `node-${index + 1}`),
      });
      undo.push(() => agent.stop());
      const cluster = new KubernetesCluster({ api, agent, network, folder, children });
      await cluster.#ready();
      return cluster;
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
  }

  /** All about its pods, for the message of a test that failed: where they stand, what happened, what they wrote. */
  async describe(): Promise<string> {
    const { stdout } = await this.api.kubectl(["get", "pods,jobs,pvc", "--all-namespaces", "-o", "wide"]);
    const events = await this.api.kubectl(["get", "events", "-A", "--field-selector", "type=Warning"]);
    const logs = [...(await this.agent.logs())].map(([name, text]) => `--- ${name}\n${text}`);
    const journal = this.agent.journal.slice(-KEPT_JOURNAL_LINES).join("\n");
    return [stdout, `--- agent\n${journal}`, `--- events\n${events.stdout}`, ...logs].join("\n");
  }

  /** Runs `work`; when it rejects, its error says all of `describe` too. */
  async explain<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (cause) {
      throw new Error(`${(cause as Error).message}\n${await this.describe()}`, { cause });
    }
  }

  async stop(): Promise<void> {
    await this.agent.stop();
    await Promise.all(this.#children.map(endInBackground));
    await this.api.stop();
    await this.#network.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Nodes are without taints, and the account that pods are given by default is there. */
  async #ready(): Promise<void> {
    await eventually(
      async () => {
        const taints = await this.api.must(["get", "nodes", "-o", "jsonpath={.items[*].spec.taints}"]);
        if (taints !== "") throw new Error(`nodes have taints: ${taints}`);
        await this.api.must(["get", "serviceaccount", "default", "-o", "name"]);
        await this.api.must(["get", "configmap", "kube-root-ca.crt", "-o", "name"]);
      },
      { withinMs: NODES_READY_MS, everyMs: POLL_MS },
    );
  }
}

async function startControlPlane(api: ApiServer): Promise<readonly ChildProcess[]> {
  const common = async (name: string): Promise<string[]> => {
    const certificates = join(api.folder, name);
    await mkdir(certificates);
    return [
      `--kubeconfig=${api.kubeconfig}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      `--secure-port=${await freePort()}`,
      `--cert-dir=${certificates}`,
    ];
  };
  const { binaries } = api;
  const controllers = [
    ...(await common("kube-controller-manager")),
    `--root-ca-file=${api.caFile}`,
    `--service-account-private-key-file=${api.serviceAccountKey}`,
    "--use-service-account-credentials=false",
    // A test that waits for a Job or a Deployment waits for these.
    "--concurrent-job-syncs=10",
    "--min-resync-period=30s",
  ];
  const log = (name: string): string => join(api.folder, `${name}.log`);
  return [
    startInBackground(binaries["kube-controller-manager"], log("kube-controller-manager"), controllers),
    startInBackground(binaries["kube-scheduler"], log("kube-scheduler"), await common("kube-scheduler")),
  ];
}
