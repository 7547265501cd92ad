// A mesh of processes to do things to: broker or cluster, routers, instances, callers with an open loop of calls.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ensureKeys, type Keys, writeCredentials, writeRouterSigner } from "@malla/broker-config";
import { TestCluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { NetworkHosts } from "../harness/network-hosts.ts";
import { PolicyDesk } from "../harness/policy-desk.ts";
import { SmallDisk } from "../harness/small-disk.ts";
import { TcpProxy } from "../harness/tcp-proxy.ts";
import { type Ledger, readLedger } from "./journal.ts";
import { EventLog, Member, type MemberKind, type MemberSpec } from "./members.ts";
import type { CallerSettings } from "./programs/caller.ts";
import type { WorkerSettings } from "./programs/worker.ts";

export interface WorldOptions {
  readonly servers?: 1 | 3;
  readonly routers?: number;
  readonly services?: readonly string[];
  /** Instances of each service. */
  readonly instances?: number;
  readonly callers?: number;
  /** Of all callers together. */
  readonly callsPerSecond?: number;
  readonly writePercent?: number;
  readonly timeoutMs?: number;
  readonly workMs?: number;
  /** The first instance of each service reaches the broker through a proxy. Default: no. */
  readonly linked?: boolean;
  /** Streams are kept on a disk of this size, in bytes, which can be filled; needs root. Default: with everything else. */
  readonly diskBytes?: number | undefined;
  /** Server, router, instance and caller of the same number share a host of their own, whose cable can be pulled; needs root. */
  readonly onHosts?: boolean;
  /** nats-server to begin with. Default: the one that is found. */
  readonly binary?: { readonly path: string; readonly version: string };
  /** Told every event, a line each. */
  readonly print?: ((line: string) => void) | undefined;
}

export const DEFAULTS = {
  servers: 1,
  routers: 2,
  services: ["alpha", "beta"],
  instances: 3,
  callers: 2,
  callsPerSecond: 2_000,
  writePercent: 30,
  timeoutMs: 5_000,
  workMs: 12,
  linked: false,
  onHosts: false,
} as const;

type Settings = Required<Omit<WorldOptions, "print" | "diskBytes" | "binary">>;

/** A process that was killed runs again within this, in ms, on a busy machine as well. */
const WHOLE_MS = 20_000;
/** A change of policy is live within this, in ms. */
const POLICY_LIVE_MS = 2_500;
const HERE = import.meta.url;
const ROUTER = fileURLToPath(new URL("../../../router/dist/main.js", HERE));
const WORKER = fileURLToPath(new URL("programs/worker.ts", HERE));
const CALLER = fileURLToPath(new URL("programs/caller.ts", HERE));

export class World {
  readonly cluster: TestCluster;
  readonly events: EventLog;
  readonly settings: Settings;
  readonly disk: SmallDisk | undefined;
  /** As many as there are servers, where it was asked for. */
  readonly hosts: NetworkHosts | undefined;
  readonly #folder: string;
  readonly #journal: string;
  readonly #keys: Keys;
  readonly #members: Member[] = [];
  readonly #links: TcpProxy[] = [];
  /** Loads so far: each has callers, and so ids, of its own. */
  #round = 0;

  private constructor(
    settings: Settings,
    events: EventLog,
    folder: string,
    keys: Keys,
    cluster: TestCluster,
    disk: SmallDisk | undefined,
    hosts: NetworkHosts | undefined,
  ) {
    this.settings = settings;
    this.disk = disk;
    this.hosts = hosts;
    this.events = events;
    this.#folder = folder;
    this.#journal = join(folder, "journal");
    this.#keys = keys;
    this.cluster = cluster;
  }

  /** Starts everything but the callers. What was started is ended again if anything fails. */
  static async start({ print, diskBytes, binary, ...options }: WorldOptions = {}): Promise<World> {
    const settings: Settings = { ...DEFAULTS, ...options };
    const folder = await mkdtemp(join(tmpdir(), "malla-chaos-"));
    const home = join(folder, ".malla");
    await mkdir(join(folder, "journal"));
    const keys = await ensureKeys(home);
    const disk = diskBytes === undefined ? undefined : SmallDisk.mount(join(folder, "disk"), diskBytes);
    const hosts = settings.onHosts ? NetworkHosts.make(settings.servers) : undefined;
    const starting =
      hosts === undefined
        ? TestCluster.start(home, keys, settings.servers, { storeDir: disk?.path, binary })
        : TestCluster.startOn(hosts, home, keys, 3);
    const cluster = await starting.catch((error: unknown) => {
      disk?.unmount();
      hosts?.remove();
      throw error;
    });
    const world = new World(settings, new EventLog(print), folder, keys, cluster, disk, hosts);
    try {
      await world.#startMesh();
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  get home(): string {
    return join(this.#folder, ".malla");
  }

  get keys(): Keys {
    return this.#keys;
  }

  /** Where members find the broker; every server, in each one's own order. */
  get #servers(): string {
    return this.cluster.urls.join(",");
  }

  async #startMesh(): Promise<void> {
    const { routers, services, instances } = this.settings;
    const signer = await writeRouterSigner(this.home, this.#keys);
    await this.#applyPolicy();
    const specs: MemberSpec[] = Array.from({ length: routers }, (_, i) => this.#router(i + 1, signer));
    for (const service of services) {
      for (let i = 1; i <= instances; i++) specs.push(await this.#instance(service, i));
    }
    await this.#add(specs);
  }

  async #applyPolicy(): Promise<void> {
    const desk = await PolicyDesk.open(this.#servers, this.#keys);
    try {
      for (const service of this.settings.services) {
        await desk.apply(
          `apiVersion: malla.dev/v1\nkind: ServicePolicy\nmetadata: { name: ${service} }\nspec: { service: ${service}, idempotentMethods: [read] }\n`,
        );
      }
    } finally {
      await desk.close();
    }
  }

  #router(n: number, signer: string): MemberSpec {
    const environment = {
      NATS_URL: this.#servers,
      MALLA_ROUTER_SIGNER: signer,
      MALLA_METRICS_PORT: "0",
      MALLA_LOG_LEVEL: "warn",
      MALLA_READY_LINE: "1",
      MALLA_PARENT_STDIN: "1",
      MALLA_POLICY_CACHE: join(this.#folder, `router-${n}.policy`),
    };
    const name = `router-${n}`;
    return {
      kind: "router",
      group: "router",
      name,
      module: ROUTER,
      within: this.#host(n),
      environment: () => environment,
    };
  }

  async #instance(service: string, n: number): Promise<MemberSpec> {
    const settings: WorkerSettings = { journal: this.#journal, workMs: this.settings.workMs };
    const environment = {
      NATS_URL: this.settings.linked && n === 1 ? await this.#link() : this.#servers,
      NATS_CREDS: await writeCredentials(this.home, { name: service, role: "service" }, this.#keys),
      MALLA_SERVICE: service,
      MALLA_MAX_IN_FLIGHT: "500",
      MALLA_LOG_LEVEL: "warn",
      SETTINGS: JSON.stringify(settings),
    };
    return {
      kind: "instance",
      group: service,
      name: `${service}-${n}`,
      module: WORKER,
      within: this.#host(n),
      environment: () => environment,
    };
  }

  async #link(): Promise<string> {
    const proxy = await TcpProxy.start((this.cluster.servers[0] as { port: number }).port);
    this.#links.push(proxy);
    return `nats://127.0.0.1:${proxy.port}`;
  }

  /** The proxies that some instances reach the broker through. */
  get links(): readonly TcpProxy[] {
    return this.#links;
  }

  async #caller(n: number): Promise<MemberSpec> {
    const { services, callsPerSecond, callers, writePercent, timeoutMs } = this.settings;
    const name = `${this.#prefix}caller-${n}`;
    const credentials = await writeCredentials(this.home, { name, role: "service" }, this.#keys);
    const environment = (generation: number): Record<string, string> => {
      const settings: CallerSettings = {
        // Another name each time: what a killed caller left open is nobody's.
        caller: `${name}.${generation}`,
        services,
        callsPerSecond: callsPerSecond / callers,
        writePercent,
        timeoutMs,
        journal: this.#journal,
      };
      return {
        NATS_URL: this.#servers,
        NATS_CREDS: credentials,
        MALLA_LOG_LEVEL: "warn",
        SETTINGS: JSON.stringify(settings),
      };
    };
    return { kind: "caller", group: "caller", name, module: CALLER, within: this.#host(n), environment };
  }

  /** What takes a program to the host of the n-th of its kind, counted from 1. */
  #host(n: number): readonly string[] {
    return this.hosts?.command((n - 1) % this.settings.servers) ?? [];
  }

  async #add(specs: readonly MemberSpec[]): Promise<void> {
    const members = specs.map((spec) => new Member(spec, this.events.add));
    this.#members.push(...members);
    await Promise.all(members.map(async (member) => member.start()));
  }

  get #prefix(): string {
    return `r${this.#round}-`;
  }

  /** Starts the callers; from then on the ledger counts. May be done again after `stopLoad`. */
  async startLoad(): Promise<void> {
    this.#round++;
    if (this.#round === 1) await sleep(POLICY_LIVE_MS);
    await this.#add(
      await Promise.all(Array.from({ length: this.settings.callers }, async (_, i) => this.#caller(i + 1))),
    );
    this.events.add("load begins");
  }

  members(kind?: MemberKind): readonly Member[] {
    return kind === undefined ? this.#members : this.#members.filter(({ spec }) => spec.kind === kind);
  }

  /** One that may be hit: it is ready, and so is another of its group. Undefined: nobody now. */
  victim(kind: MemberKind | undefined, chance: number): Member | undefined {
    const ready = this.members(kind).filter((member) => member.ready);
    const spare = ready.filter(({ spec }) => ready.filter((other) => other.spec.group === spec.group).length > 1);
    return spare[Math.floor(chance * spare.length)];
  }

  /** Ends the load, lets every call end, and gives what was written down of it. */
  async stopLoad(): Promise<Ledger> {
    this.events.add("load ends");
    await Promise.all(this.members("caller").map(async (caller) => caller.end()));
    return readLedger(this.#journal, this.#prefix);
  }

  /** Resolves when everything that was killed runs again. */
  async whole(): Promise<void> {
    await eventually(
      () => {
        const missing = this.#members.filter(({ spec, ready }) => spec.kind !== "caller" && !ready);
        if (missing.length > 0) throw new Error(`not there: ${missing.map(({ spec }) => spec.name).join(", ")}`);
      },
      { withinMs: WHOLE_MS, everyMs: 50 },
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(async (member) => member.end()));
    await Promise.all(this.#links.map(async (link) => link.close()));
    await this.cluster.stop();
    this.disk?.unmount();
    this.hosts?.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
