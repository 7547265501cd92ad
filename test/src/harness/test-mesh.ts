// A mesh of a test's own: broker, keys, streams, routers, in a folder that is gone afterwards. Whoever starts one stops it,
// and stopping fails if anything was left open.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureKeys, type Keys, writeCredentials, writeRouterSigner } from "@malla/broker-config";
import { type Contract, type ContractHandlers, connect, type Handlers, type Mesh, type MeshOptions } from "@malla/sdk";
import { connectNats, type NatsBroker } from "@malla/sdk/broker";
import {
  type CredentialRole,
  decodeRouterState,
  parseRouterSubject,
  type RouterState,
  subscriptions,
} from "@malla/sdk/contract";
import type { PolicyHead, PolicySnapshot } from "@malla/sdk/discovery";
import { createPrometheus, createTelemetry, type Prometheus } from "@malla/sdk/telemetry";
import { TestBroker } from "./broker.ts";
import { type ChildProgram, startProgram } from "./child-program.ts";
import { eventually } from "./eventually.ts";
import { assertNothingLeft, type Census, takeCensus } from "./leftovers.ts";
import { endLoads } from "./load.ts";
import { patiently } from "./patiently.ts";
import { PolicyDesk } from "./policy-desk.ts";
import { routerHere, routerProcess, type TestRouter, type TestRouterOptions } from "./test-router.ts";
import { AnnouncedInstances, TEST_WAY } from "./test-way.ts";

export interface TestMeshOptions extends TestRouterOptions {
  /** Default 1. */
  readonly routers?: number;
  /** Each router in a process of its own, to be killed. Default: in this process. */
  readonly routerProcesses?: boolean;
  /** Services that calls go to past the routers where tests run that way. */
  readonly serves?: readonly string[];
}

export type JoinOptions = Omit<MeshOptions, "service" | "servers" | "credentials" | "drainOn"> & {
  /** Default `service`; `direct` with `directTo`. */
  readonly role?: CredentialRole;
  /** Services it may send to past the routers. */
  readonly directTo?: readonly string[];
};

export interface InstanceProcess {
  readonly pid: number;
  readonly instance: string;
  readonly stderr: string;
  kill(): Promise<void>;
  /** SIGTERM; resolves when it has drained and ended. */
  terminate(): Promise<void>;
}

const LEFT_WITHIN_MS = 3_000;

/** Starts broker and routers. Rejects, leaving nothing, if that fails. */
export async function startMesh(options: TestMeshOptions = {}): Promise<TestMesh> {
  const before = takeCensus();
  const folder = await mkdtemp(join(tmpdir(), "malla-test-"));
  const home = join(folder, ".malla");
  let broker: TestBroker | undefined;
  try {
    const keys = await ensureKeys(home);
    broker = await TestBroker.start(home, keys);
    const signer = await writeRouterSigner(home, keys);
    const { serves = [] } = options;
    const mesh = new TestMesh({ folder, home, keys, broker, signer, before, serves });
    for (let i = 0; i < (options.routers ?? 1); i++) await mesh.addRouter(options);
    if (TEST_WAY === "direct") await mesh.watchInstances();
    return mesh;
  } catch (error) {
    await broker?.stop();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

interface MeshParts {
  /** Temporary, the test's own; what is put there is gone with the mesh. */
  readonly folder: string;
  readonly home: string;
  readonly keys: Keys;
  readonly broker: TestBroker;
  readonly signer: string;
  readonly before: Census;
  readonly serves: readonly string[];
}

export class TestMesh {
  readonly folder: string;
  readonly home: string;
  readonly keys: Keys;
  readonly broker: TestBroker;
  readonly routers: TestRouter[] = [];
  readonly #signer: string;
  readonly #before: Census;
  readonly #joined = new Set<Mesh>();
  readonly #programs = new Set<ChildProgram<unknown>>();
  readonly #raw = new Set<NatsBroker>();
  readonly #desks = new Set<PolicyDesk>();
  readonly #serves: readonly string[];
  readonly #metricsOf = new Map<Mesh, Prometheus>();
  #instances: AnnouncedInstances | undefined;

  /** Made by `startMesh`. */
  constructor(parts: MeshParts) {
    this.folder = parts.folder;
    this.home = parts.home;
    this.keys = parts.keys;
    this.broker = parts.broker;
    this.#signer = parts.signer;
    this.#before = parts.before;
    this.#serves = parts.serves;
  }

  get url(): string {
    return this.broker.url;
  }

  async addRouter(options: TestMeshOptions = {}): Promise<TestRouter> {
    const { routers: _routers, serves: _serves, routerProcesses, ...own } = options;
    const started =
      routerProcesses === true ? routerProcess(this.url, this.#signer, own) : routerHere(this.url, this.#signer, own);
    const router = await started;
    this.routers.push(router);
    return router;
  }

  /** Issues credentials and returns the path of their file. */
  async credentials(
    name: string,
    role: CredentialRole = "service",
    account?: string,
    directTo: readonly string[] = [],
  ): Promise<string> {
    const request = { name, role, directTo, ...(account === undefined ? {} : { account }) };
    return await writeCredentials(this.home, request, this.keys);
  }

  /** Joins the mesh without serving. */
  async caller(name: string, join: JoinOptions = {}): Promise<Mesh> {
    const mesh = await this.#join(name, join);
    await this.#instances?.known([mesh]);
    return mesh;
  }

  async #join(name: string, join: JoinOptions): Promise<Mesh> {
    const { directTo = join.role === undefined && this.#instances !== undefined ? this.#serves : [], ...more } = join;
    const prometheus = createPrometheus({ processMetrics: false });
    const {
      role = directTo.length > 0 ? "direct" : "service",
      telemetry = createTelemetry({ metrics: prometheus }),
      ...options
    } = more;
    const credentials = await this.credentials(name, role, undefined, directTo);
    const mesh = await patiently(
      async () => await connect({ ...options, telemetry, service: name, servers: this.url, credentials, drainOn: [] }),
    );
    this.#joined.add(mesh);
    this.#metricsOf.set(mesh, prometheus);
    // What it announces first is then what it can do.
    if (this.#instances !== undefined && role === "direct") await eventually(() => assert.ok(mesh.knowsPolicy));
    return mesh;
  }

  async #served(service: string, instance: string): Promise<void> {
    if (this.#instances === undefined || !this.#serves.includes(service)) return;
    await this.#instances.announced(service, instance);
    await this.#instances.known(this.#joined);
  }

  /** Makes callers go past the routers to what this mesh serves; called by `startMesh`. */
  async watchInstances(): Promise<void> {
    const instances = new AnnouncedInstances();
    const observer = await this.raw("observer", "observer");
    instances.hear(observer);
    await observer.flush();
    this.#instances = instances;
  }

  /** One more instance of a service; the mesh knows it when this resolves. */
  async service(name: string, handlers: Handlers, options: JoinOptions = {}): Promise<Mesh> {
    const mesh = await this.#join(name, options);
    await mesh.serve(handlers);
    await this.#served(name, mesh.instance);
    return mesh;
  }

  /** One more instance of a service by its contract. */
  async contractService<Service>(
    contract: Contract<Service>,
    handlers: ContractHandlers<Service>,
    options: JoinOptions = {},
  ): Promise<Mesh> {
    const mesh = await this.#join(contract.name, options);
    await mesh.serve(contract, handlers);
    await this.#served(contract.name, mesh.instance);
    return mesh;
  }

  /** An instance in a process of its own that writes its runs into a ledger file (see `instance-process.ts`). */
  async instanceProcess(
    name: string,
    ledger: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<InstanceProcess> {
    const program = await startProgram<{ instance: string }>(
      fileURLToPath(new URL("instance-process.ts", import.meta.url)),
      {
        NATS_URL: this.url,
        NATS_CREDS: await this.credentials(name),
        MALLA_SERVICE: name,
        LEDGER: ledger,
        ...environment,
      },
    );
    this.#programs.add(program);
    await this.#served(name, program.ready.instance);
    return {
      pid: program.pid,
      instance: program.ready.instance,
      get stderr() {
        return program.stderr;
      },
      kill: async () => void (await program.end("SIGKILL")),
      terminate: async () => void (await program.end("SIGTERM")),
    };
  }

  /** A connection without our SDK's call path, as any NATS client has: subjects and headers by hand. */
  async raw(
    name: string,
    role: CredentialRole,
    account?: string,
    directTo: readonly string[] = [],
  ): Promise<NatsBroker> {
    const credentials = await readFile(await this.credentials(name, role, account, directTo), "utf8");
    const options = { servers: this.url, credentials, name: `raw ${name}`, inboxPrefix: `_INBOX.${name}` };
    const broker = await patiently(async () => await connectNats(options));
    this.#raw.add(broker);
    return broker;
  }

  async desk(author = "operator"): Promise<PolicyDesk> {
    const desk = await PolicyDesk.open(this.url, this.keys, author);
    this.#desks.add(desk);
    return desk;
  }

  /** Applies documents and resolves when every router has them in force. */
  async apply(yaml: string, base?: PolicySnapshot): Promise<PolicyHead> {
    return await this.#change(async (desk) => await desk.apply(yaml, base));
  }

  /** Removes documents (`Kind/name`) and resolves when every router has done so. */
  async remove(...names: readonly string[]): Promise<PolicyHead> {
    return await this.#change(async (desk) => await desk.remove(...names));
  }

  async #change(work: (desk: PolicyDesk) => Promise<PolicyHead>): Promise<PolicyHead> {
    const desk = await PolicyDesk.open(this.url, this.keys);
    try {
      const head = await work(desk);
      await this.policyInForce(head.revision);
      return head;
    } finally {
      await desk.close();
    }
  }

  /** Resolves when every running router enforces this revision, and where calls go past them everybody who judges them by policy. */
  async policyInForce(revision: number): Promise<void> {
    await eventually(async () => {
      for (const router of this.routers.filter(({ running }) => running)) {
        const actual = await this.metric(router, "mesh_config_revision");
        if (actual < revision) throw new Error(`router ${router.id} enforces revision ${actual}, not ${revision}`);
      }
      if (this.#instances === undefined) return;
      // Who has not heard of it for two seconds no longer knows the policy, and goes routed.
      const behind = [...this.#joined].filter((one) => one.knowsPolicy && one.policyRevision < revision);
      if (behind.length > 0)
        throw new Error(`${behind.map(({ principal }) => principal).join(", ")} not at ${revision}`);
    });
  }

  /** A router's metrics in Prometheus's text format. */
  async metrics(router: TestRouter): Promise<string> {
    // Connections are not kept, since a test must not leave any.
    const answer = await fetch(`http://127.0.0.1:${router.metricsPort}/metrics`, { headers: { connection: "close" } });
    return await answer.text();
  }

  /** Sum of all series of a metric that carry these labels; 0 if there are none. */
  async metric(router: TestRouter, name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sumOf(await this.metrics(router), name, labels);
  }

  /** The same of whoever carried this caller's calls: the routers, and itself for those that went past them. */
  async carrierMetric(caller: Mesh, name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const pages = await Promise.all(this.routers.filter(({ running }) => running).map((one) => this.metrics(one)));
    pages.push((await this.#metricsOf.get(caller)?.metrics()) ?? "");
    return pages.reduce((sum, page) => sum + sumOf(page, name, labels), 0);
  }

  /** Resolves when everybody who is connected has heard of every running router: from then on SDKs choose theirs. */
  async routersHeard(): Promise<void> {
    const states = await this.watchRouters();
    const running = this.routers.filter((router) => router.running).map(({ id }) => id);
    await eventually(() => {
      const missing = running.filter((id) => !states.has(id));
      if (missing.length > 0) throw new Error(`not heard: ${missing.join(", ")}`);
    });
    // Everybody gets the announcement this connection got, but not in the same instant.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** What routers announce, kept up to date. */
  async watchRouters(): Promise<ReadonlyMap<string, RouterState>> {
    const states = new Map<string, RouterState>();
    const observer = await this.raw("observer", "observer");
    observer.subscribe(subscriptions.routers, (message) => {
      const id = parseRouterSubject(message.subject);
      const state = decodeRouterState(message.payload);
      if (id !== undefined && state !== undefined) states.set(id, state);
    });
    await observer.flush();
    return states;
  }

  /** Leaves a mesh that `caller` or `service` made. */
  async leave(mesh: Mesh): Promise<void> {
    await mesh.drain();
    this.#joined.delete(mesh);
  }

  /** Ends everything. Rejects if a connection, a process or a handle of this mesh was left open, or did not end. */
  async stop(): Promise<void> {
    endLoads();
    const problems: unknown[] = [];
    const attempt = async (work: () => Promise<unknown>): Promise<void> =>
      void (await work().catch((error: unknown) => problems.push(error)));
    for (const program of this.#programs) if (program.running) await attempt(() => program.end("SIGKILL"));
    await Promise.all([...this.#joined].map((mesh) => attempt(() => mesh.close())));
    await attempt(() => this.#wentThatWay());
    await Promise.all(this.routers.filter(({ running }) => running).map((router) => attempt(() => router.drain())));
    await Promise.all([...this.#raw, ...this.#desks].map((connection) => attempt(() => connection.close())));
    await attempt(() => this.#noConnections());
    await attempt(() => this.broker.stop());
    await rm(this.folder, { recursive: true, force: true });
    await attempt(() => eventually(() => assertNothingLeft(this.#before), { withinMs: LEFT_WITHIN_MS }));
    if (problems.length > 0)
      throw new AggregateError(problems, `the mesh did not end well: ${problems.map(String).join("; ")}`);
  }

  /** A file that runs for direct calls and whose calls all went routed would prove nothing. */
  async #wentThatWay(): Promise<void> {
    if (this.#instances === undefined || this.#serves.length === 0) return;
    const pages = await Promise.all([...this.#metricsOf.values()].map((prometheus) => prometheus.metrics()));
    // Attempts are counted by who carries a call.
    const attempts = pages.reduce((sum, page) => sum + sumOf(page, "mesh_attempts_total", {}), 0);
    const calls = pages.reduce((sum, page) => sum + sumOf(page, "mesh_requests_total", { reporter: "caller" }), 0);
    process.stderr.write(`direct: ${attempts} attempts past the routers, ${calls} calls in all\n`);
    if (attempts < calls / 5) throw new Error(`of ${calls} calls only ${attempts} attempts went past the routers`);
  }

  async #noConnections(): Promise<void> {
    await eventually(
      async () => {
        const left = await this.broker.connections();
        if (left.length > 0) throw new Error(`connections left: ${left.join(", ")}`);
      },
      { withinMs: LEFT_WITHIN_MS },
    );
  }
}

/** Sum of all series of a metric that carry these labels, in Prometheus's text format. */
function sumOf(page: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return page
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((pair) => line.includes(pair)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
