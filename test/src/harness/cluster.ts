// One nats-server, or a cluster of three whose routes go through proxies, so that they can be reset and cut. Shipped
// configuration, streams included.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  bootstrapStreams,
  findNatsServer,
  type Keys,
  type RunningServer,
  startNatsServer,
  writeServerConfig,
} from "@malla/broker-config";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import type { NetworkHosts } from "./network-hosts.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const LOOPBACK = "127.0.0.1";
/** An address where nobody listens: servers know each other by their routes alone, which are ours to cut. */
const NOWHERE = "127.0.0.1:1";
const SETTLE_MS = 30_000;
/** On hosts of their own servers need no free ports. */
const HOST_PORT = 4222;
const HOST_CLUSTER_PORT = 6222;

type StartServer = (program?: string) => Promise<RunningServer>;

export interface ClusterSettings {
  /** Where streams are kept. Default: under home. */
  readonly storeDir?: string | undefined;
  /** Default: the server that is found. */
  readonly binary?: { readonly path: string; readonly version: string } | undefined;
}

export class TestServer {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  readonly #start: StartServer;
  #server: RunningServer | undefined;

  constructor(name: string, address: string, port: number, start: StartServer) {
    this.name = name;
    this.port = port;
    this.url = `nats://${address}:${port}`;
    this.#start = start;
  }

  get running(): boolean {
    return this.#server !== undefined && isRunning(this.#server.pid);
  }

  /** `program`: another nats-server than the one it began with. */
  async start(program?: string): Promise<void> {
    this.#server = await this.#start(program);
  }

  /** What it says of itself when it is dialled. */
  async version(): Promise<string> {
    const { hostname, port } = new URL(this.url);
    const socket = connect({ host: hostname, port: Number(port) });
    try {
      const [greeting] = (await once(socket, "data")) as [Buffer];
      return (JSON.parse(greeting.toString().replace(/^INFO /, "")) as { version: string }).version;
    } finally {
      socket.destroy();
    }
  }

  /** Names of the connections that are open now; none of a server that is gone. Not for servers on hosts of their own. */
  async connections(): Promise<readonly string[]> {
    if (!this.running) return [];
    const url = `${this.#server?.httpUrl}/connz?limit=1000`;
    const answer = await fetch(url, { headers: { connection: "close" } });
    const { connections } = (await answer.json()) as { readonly connections: readonly { readonly name?: string }[] };
    return connections.flatMap(({ name }) => name ?? []);
  }

  /** kill -9. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#gone();
  }

  /** SIGSTOP now, SIGCONT after `ms`. */
  async freeze(ms: number): Promise<void> {
    this.#signal("SIGSTOP");
    try {
      await sleep(ms);
    } finally {
      this.#signal("SIGCONT");
    }
  }

  /** Asks its clients to move away and resolves when it has ended. */
  async lameDuck(): Promise<void> {
    this.#server?.lameDuck();
    await this.#gone(60_000);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#server !== undefined && isRunning(this.#server.pid)) process.kill(this.#server.pid, signal);
  }

  async #gone(withinMs = 10_000): Promise<void> {
    await eventually(
      () => {
        if (this.running) throw new Error(`${this.name} is still there`);
      },
      { withinMs, everyMs: 5 },
    );
  }
}

/** False for one that has ended and whose exit code nobody has asked for yet. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Waits for all of them, and rejects with the first that failed. */
async function settled(all: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(all)) if (result.status === "rejected") throw result.reason;
}

export class TestCluster {
  readonly servers: readonly TestServer[];
  /** By who dials whom. Of every two servers only one does, and the proxy of the other way lies idle. */
  readonly #routes: ReadonlyMap<string, TcpProxy>;

  private constructor(servers: readonly TestServer[], routes: ReadonlyMap<string, TcpProxy>) {
    this.servers = servers;
    this.#routes = routes;
  }

  /**
   * Starts `count` servers under `home` and creates the mesh's streams. Rejects, leaving nothing, if that fails.
   */
  static async start(home: string, keys: Keys, count: 1 | 3, settings: ClusterSettings = {}): Promise<TestCluster> {
    const { storeDir } = settings;
    const binary = settings.binary ?? (await findNatsServer({ progress: (line) => process.stderr.write(`${line}\n`) }));
    const members = await Promise.all(
      Array.from({ length: count }, async () => ({ port: await freePort(), clusterPort: await freePort() })),
    );
    const routes = new Map<string, TcpProxy>();
    for (let from = 0; from < count; from++) {
      for (let to = 0; to < count; to++) {
        if (to === from) continue;
        routes.set(`${from}-${to}`, await TcpProxy.start((members[to] as { clusterPort: number }).clusterPort));
      }
    }
    const servers: TestServer[] = [];
    for (const [index, { port, clusterPort }] of members.entries()) {
      const cluster = {
        name: "malla",
        port: clusterPort,
        routes: members.map((member, to) => `127.0.0.1:${routes.get(`${index}-${to}`)?.port ?? member.clusterPort}`),
        ownRoute: `127.0.0.1:${clusterPort}`,
        advertise: NOWHERE,
      };
      const serverName = `server-${index + 1}`;
      const store = storeDir === undefined ? {} : { storeDir: join(storeDir, serverName) };
      const options = { port, httpPort: -1, serverName, keys, serverVersion: binary.version, ...store };
      const configPath = await writeServerConfig(home, count === 1 ? options : { ...options, cluster });
      const start: StartServer = async (program = binary.path) =>
        await startNatsServer({ binary: program, configPath });
      servers.push(new TestServer(options.serverName, LOOPBACK, port, start));
    }
    return await new TestCluster(servers, routes).#begin(keys);
  }

  /** As `start`, each server on a host of its own, with routes of their own: what is cut there is the host. */
  static async startOn(hosts: NetworkHosts, home: string, keys: Keys, count: 3): Promise<TestCluster> {
    const binary = await findNatsServer({ progress: (line) => process.stderr.write(`${line}\n`) });
    const all = Array.from({ length: count }, (_, host) => host);
    const servers: TestServer[] = [];
    for (const host of all) {
      const serverName = `server-${host + 1}`;
      const routes = all.map((other) => `${hosts.address(other)}:${HOST_CLUSTER_PORT}`);
      const configPath = await writeServerConfig(home, {
        host: hosts.address(host),
        port: HOST_PORT,
        serverName,
        keys,
        serverVersion: binary.version,
        cluster: {
          name: "malla",
          port: HOST_CLUSTER_PORT,
          routes,
          ownRoute: `${hosts.address(host)}:${HOST_CLUSTER_PORT}`,
        },
      });
      const folder = dirname(configPath);
      const start: StartServer = async (program = binary.path) =>
        await startNatsServer({ binary: hosts.wrapper(host, program, folder), configPath });
      servers.push(new TestServer(serverName, hosts.address(host), HOST_PORT, start));
    }
    return await new TestCluster(servers, new Map()).#begin(keys);
  }

  /** Starts the servers and makes the streams; rejects, leaving nothing, if that fails. */
  async #begin(keys: Keys): Promise<this> {
    try {
      await settled(this.servers.map(async (server) => server.start()));
      const replicas = this.servers.length === 1 ? 1 : 3;
      await bootstrapStreams({ servers: this.urls, keys, replicas, timeoutMs: SETTLE_MS });
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  get urls(): readonly string[] {
    return this.servers.map(({ url }) => url);
  }

  /** Every route between servers ends by RST and is made anew, which takes them about a second. */
  resetRoutes(): void {
    for (const route of this.#routes.values()) route.reset();
  }

  /** Cuts a server's routes without a word, until `heal`. Its clients stay. */
  cutOff(server: number): void {
    for (const [pair, route] of this.#routes) if (pair.split("-").includes(String(server))) route.goSilent();
  }

  heal(): void {
    for (const route of this.#routes.values()) route.heal();
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map(async (server) => server.stop()));
    await Promise.all([...this.#routes.values()].map(async (route) => route.close()));
  }
}
