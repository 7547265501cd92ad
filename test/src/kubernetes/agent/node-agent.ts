// The node agent: registers nodes, and runs the pods that are bound to them as processes of this machine.
import { mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type ApiAccess, ApiClient, ApiError } from "./api-client.ts";
import { findAddresses } from "./cluster-names.ts";
import { ClusterState } from "./cluster-state.ts";
import type { ExecResult } from "./container-process.ts";
import { DnsServer } from "./dns-server.ts";
import { FolderProvisioner } from "./folder-provisioner.ts";
import type { FindImage } from "./images.ts";
import { NODE_CAPACITY, NodeRegistration } from "./node-registration.ts";
import type { StoreChange } from "./object-store.ts";
import type { Pod } from "./objects.ts";
import type { PodNetwork } from "./pod-network.ts";
import { PodRunner } from "./pod-runner.ts";
import { findUnsupported } from "./unsupported.ts";

/** Tokens in volumes are renewed, and changes that a watch has missed are seen, at least so often. */
const SYNC_MS = 30_000;
const TAIL_BYTES = 3_000;
const NOT_FOUND = 404;
const CONFLICT = 409;

export interface NodeAgentOptions {
  readonly access: ApiAccess;
  readonly network: PodNetwork;
  readonly findImage: FindImage;
  /** For volumes and logs; whoever made it removes it. */
  readonly folder: string;
  /** Each in a zone of its own. */
  readonly nodes: readonly string[];
}

export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #client: ApiClient;
  readonly #cluster: ClusterState;
  /** By uid. */
  readonly #runners = new Map<string, PodRunner>();
  readonly #ending = new Set<Promise<void>>();
  readonly #journal: string[] = [];
  #registrations: readonly NodeRegistration[] = [];
  #provisioner: FolderProvisioner | undefined;
  #dns: DnsServer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closing = false;

  private constructor(options: NodeAgentOptions) {
    this.#options = options;
    this.#client = new ApiClient(options.access);
    this.#cluster = new ClusterState(this.#client);
  }

  /** Resolves when the nodes are registered; pods come when the scheduler has seen them. */
  static async start(options: NodeAgentOptions): Promise<NodeAgent> {
    const agent = new NodeAgent(options);
    try {
      await agent.#start();
      return agent;
    } catch (error) {
      await agent.stop();
      throw error;
    }
  }

  /** Runs a program in a container of a pod, as `kubectl exec` would. */
  async exec(
    namespace: string,
    pod: string,
    container: string,
    command: readonly string[],
    timeoutMs = 10_000,
  ): Promise<ExecResult> {
    const runner = [...this.#runners.values()].find(
      ({ pod: { metadata } }) => metadata.namespace === namespace && metadata.name === pod,
    );
    const process = runner?.container(container)?.process;
    if (process === undefined) throw new Error(`container ${container} of pod ${namespace}/${pod} does not run`);
    return await process.exec(command, timeoutMs);
  }

  /** What the containers whose log's name begins so (`namespace.pod.container`) have written, by that name; the end of it. */
  async logs(prefix = "", bytes = TAIL_BYTES): Promise<ReadonlyMap<string, string>> {
    const names = (await readdir(this.#logFolder)).filter((name) => name.startsWith(prefix)).sort();
    return new Map(
      await Promise.all(names.map(async (name) => [name, await readTail(join(this.#logFolder, name), bytes)] as const)),
    );
  }

  /** What happened to pods, in order, for whoever must understand a failure. */
  get journal(): readonly string[] {
    return this.#journal;
  }

  /** Ends every pod at once; their objects stay as they are. */
  async stop(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#timer);
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop(0)));
    await Promise.all(this.#ending);
    await Promise.all(this.#registrations.map((registration) => registration.stop()));
    await this.#provisioner?.stop();
    await this.#cluster.stop();
    await this.#dns?.stop();
    this.#client.close();
  }

  async #start(): Promise<void> {
    const { network, folder, nodes } = this.#options;
    await mkdir(this.#logFolder, { recursive: true });
    await mkdir(join(folder, "pods"), { recursive: true });
    this.#provisioner = await FolderProvisioner.start(this.#client, join(folder, "claims"), (line) => this.#say(line));
    this.#dns = await DnsServer.start(network.address, (name) =>
      findAddresses(name, {
        service: (namespace, service) => this.#cluster.services.get(namespace, service),
        endpointSlices: () => this.#cluster.endpointSlices.all(),
      }),
    );
    this.#cluster.pods.onChange((change) => this.#takePod(change));
    for (const store of [this.#cluster.secrets, this.#cluster.configMaps])
      store.onChange(({ object }) => this.#sync(object.metadata.namespace));
    await this.#cluster.start();
    this.#timer = setInterval(() => this.#sync(undefined), SYNC_MS);
    this.#registrations = await Promise.all(
      nodes.map((name, index) =>
        NodeRegistration.create(this.#client, { name, zone: `zone-${index + 1}`, address: network.address }),
      ),
    );
  }

  #takePod({ gone, object: pod }: StoreChange<Pod>): void {
    const { uid = "", deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
    if (this.#closing || !this.#options.nodes.includes(pod.spec.nodeName ?? "")) return;
    const runner = this.#runners.get(uid);
    if (gone) this.#end(runner?.stop(0).then(() => void this.#runners.delete(uid)));
    else if (deletionTimestamp !== undefined) this.#end(this.#delete(pod, runner, deletionGracePeriodSeconds * 1000));
    else if (runner === undefined && !["Succeeded", "Failed"].includes(pod.status?.phase ?? "")) this.#run(pod);
  }

  #run(pod: Pod): void {
    const { namespace = "", name, uid = "" } = pod.metadata;
    const { findImage, network, folder } = this.#options;
    const refused = findUnsupported(pod, findImage);
    if (refused !== undefined) {
      this.#end(this.#refuse(pod, refused));
      return;
    }
    const { host, port } = splitUrl(this.#options.access.url);
    const cluster = this.#cluster;
    const runner = new PodRunner(pod, {
      client: this.#client,
      network,
      findImage,
      folder: join(folder, "pods", uid),
      logFile: (container) => join(this.#logFolder, `${namespace}.${name}.${container}.log`),
      sources: {
        secret: (secret) => cluster.secret(namespace, secret),
        configMap: (configMap) => cluster.configMap(namespace, configMap),
        allocatable: NODE_CAPACITY,
        get services() {
          return cluster.servicesOf(namespace);
        },
        apiServer: { host, port },
        hostIp: network.address,
      },
      claimFolder: (claim) => this.#provisioner?.find(namespace, claim),
      say: (line) => this.#say(`${namespace}/${name}: ${line}`),
    });
    this.#runners.set(uid, runner);
    this.#say(`${namespace}/${name}: starts on ${pod.spec.nodeName}`);
    runner.start();
  }

  async #delete(pod: Pod, runner: PodRunner | undefined, graceMs: number): Promise<void> {
    const { namespace, name, uid = "" } = pod.metadata;
    await runner?.stop(graceMs);
    if (!this.#runners.has(uid) && runner !== undefined) return;
    this.#runners.delete(uid);
    this.#say(`${namespace}/${name}: has ended`);
    const body = { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 0, preconditions: { uid } };
    await this.#client.delete(`/api/v1/namespaces/${namespace}/pods/${name}`, body).catch(ignoreGone);
  }

  async #refuse({ metadata: { namespace, name } }: Pod, what: string): Promise<void> {
    const message = `the node agent of these tests cannot do: ${what}`;
    this.#say(`${namespace}/${name}: ${message}`);
    const status = { phase: "Failed", reason: "Unsupported", message };
    await this.#client.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, { status }).catch(ignoreGone);
  }

  #sync(namespace: string | undefined): void {
    for (const runner of this.#runners.values()) {
      if (namespace !== undefined && runner.pod.metadata.namespace !== namespace) continue;
      this.#end(runner.sync().catch((error: unknown) => this.#say(`${runner.pod.metadata.name}: ${String(error)}`)));
    }
  }

  /** Work that must be over before the agent is. */
  #end(work: Promise<void> | undefined): void {
    if (work === undefined) return;
    const watched = work
      .catch((error: unknown) => this.#say(String(error)))
      .finally(() => {
        this.#ending.delete(watched);
      });
    this.#ending.add(watched);
  }

  #say(line: string): void {
    this.#journal.push(`${new Date().toISOString()} ${line}`);
  }

  get #logFolder(): string {
    return join(this.#options.folder, "logs");
  }
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof ApiError) || ![NOT_FOUND, CONFLICT].includes(error.status)) throw error;
}

function splitUrl(url: string): { readonly host: string; readonly port: string } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port };
}

async function readTail(path: string, bytes: number): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(Math.min(bytes, size)),
      0,
      Math.min(bytes, size),
      Math.max(0, size - bytes),
    );
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
