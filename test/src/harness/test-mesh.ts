// A mesh of a test's own: broker, keys, streams, routers, in a folder that is gone afterwards. Whoever starts one stops it,
// and stopping fails if anything was left open.
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
import { TestBroker } from "./broker.ts";
import { type ChildProgram, startProgram } from "./child-program.ts";
import { eventually } from "./eventually.ts";
import { assertNothingLeft, type Census, takeCensus } from "./leftovers.ts";
import { patiently } from "./patiently.ts";
import { PolicyDesk } from "./policy-desk.ts";
import { routerHere, routerProcess, type TestRouter, type TestRouterOptions } from "./test-router.ts";

export interface TestMeshOptions extends TestRouterOptions {
  /** Default 1. */
  readonly routers?: number;
  /** Each router in a process of its own, to be killed. Default: in this process. */
  readonly routerProcesses?: boolean;
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
    const mesh = new TestMesh({ folder, home, keys, broker, signer, before });
    for (let i = 0; i < (options.routers ?? 1); i++) await mesh.addRouter(options);
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

  /** Made by `startMesh`. */
  constructor(parts: MeshParts) {
    this.folder = parts.folder;
    this.home = parts.home;
    this.keys = parts.keys;
    this.broker = parts.broker;
    this.#signer = parts.signer;
    this.#before = parts.before;
  }

  get url(): string {
    return this.broker.url;
  }

  async addRouter(options: TestMeshOptions = {}): Promise<TestRouter> {
    const { routers: _routers, routerProcesses, ...own } = options;
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
  async caller(name: string, { directTo = [], ...join }: JoinOptions = {}): Promise<Mesh> {
    const { role = directTo.length > 0 ? "direct" : "service", ...options } = join;
    const credentials = await this.credentials(name, role, undefined, directTo);
    const mesh = await patiently(
      async () => await connect({ ...options, service: name, servers: this.url, credentials, drainOn: [] }),
    );
    this.#joined.add(mesh);
    return mesh;
  }

  /** One more instance of a service; the mesh knows it when this resolves. */
  async service(name: string, handlers: Handlers, options: JoinOptions = {}): Promise<Mesh> {
    const mesh = await this.caller(name, options);
    await mesh.serve(handlers);
    return mesh;
  }

  /** One more instance of a service by its contract. */
  async contractService<Service>(
    contract: Contract<Service>,
    handlers: ContractHandlers<Service>,
    options: JoinOptions = {},
  ): Promise<Mesh> {
    const mesh = await this.caller(contract.name, options);
    await mesh.serve(contract, handlers);
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
  async raw(name: string, role: CredentialRole, account?: string): Promise<NatsBroker> {
    const credentials = await readFile(await this.credentials(name, role, account), "utf8");
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

  /** Resolves when every running router enforces this revision. */
  async policyInForce(revision: number): Promise<void> {
    await eventually(async () => {
      for (const router of this.routers.filter(({ running }) => running)) {
        const actual = await this.metric(router, "mesh_config_revision");
        if (actual < revision) throw new Error(`router ${router.id} enforces revision ${actual}, not ${revision}`);
      }
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
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const lines = (await this.metrics(router))
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return lines
      .filter((line) => wanted.every((pair) => line.includes(pair)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
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
    const problems: unknown[] = [];
    const attempt = async (work: () => Promise<unknown>): Promise<void> =>
      void (await work().catch((error: unknown) => problems.push(error)));
    for (const program of this.#programs) if (program.running) await attempt(() => program.end("SIGKILL"));
    await Promise.all([...this.#joined].map((mesh) => attempt(() => mesh.close())));
    await Promise.all(this.routers.filter(({ running }) => running).map((router) => attempt(() => router.drain())));
    await Promise.all([...this.#raw, ...this.#desks].map((connection) => attempt(() => connection.close())));
    await attempt(() => this.#noConnections());
    await attempt(() => this.broker.stop());
    await rm(this.folder, { recursive: true, force: true });
    await attempt(() => eventually(() => assertNothingLeft(this.#before), { withinMs: LEFT_WITHIN_MS }));
    if (problems.length > 0)
      throw new AggregateError(problems, `the mesh did not end well: ${problems.map(String).join("; ")}`);
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
