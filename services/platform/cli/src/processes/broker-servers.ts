// The servers of a mesh on this machine: one, or a cluster of several, each supervised and started again alone.
import { type Keys, type ServerConfigOptions, writeServerConfig } from "@malla/broker-config";
import { type BrokerProcess, startBroker } from "./broker-process.ts";
import { choosePorts } from "./free-port.ts";
import type { PlannedServer } from "./server-plan.ts";

export interface BrokerServersOptions {
  readonly home: string;
  readonly keys: Keys;
  readonly servers: readonly PlannedServer[];
  /** Port of the first, the next ones have those after it; -1: any free ones. */
  readonly port: number;
  /** The nats-server to run. */
  readonly binary: { readonly path: string; readonly version: string };
  readonly say: (line: string) => void;
  readonly log: (name: string, line: string) => void;
}

export interface BrokerServers {
  readonly all: readonly BrokerProcess[];
  /** All of them, with commas between. */
  readonly natsUrl: string;
  /** Ends them together: what is in streams is on disk. */
  readonly stop: () => Promise<void>;
}

/** Resolves when all of them take connections. Rejects, leaving nothing, if one does not. */
export async function startBrokerServers(options: BrokerServersOptions): Promise<BrokerServers> {
  const { servers, binary, say, log } = options;
  const ports = await clientPorts(options.port, servers.length);
  const configs: string[] = [];
  // One after the other: the accounts that the first one writes are the same for all.
  for (const [i, port] of ports.entries()) configs.push(await writeConfig(options, i, port));
  const starts = servers.map(async ({ name }, i) => {
    const broker = await startBroker({
      name: servers.length === 1 ? "broker" : name,
      binary: binary.path,
      configPath: configs[i] as string,
      say,
      log,
    });
    // Started again, it must be where everybody looks for it.
    await writeConfig(options, i, Number(new URL(broker.url).port));
    return broker;
  });
  const settled = await Promise.allSettled(starts);
  const all = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const stop = async (): Promise<void> => void (await Promise.all(all.map(async ({ child }) => child.stop())));
  const failed = settled.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { all, natsUrl: all.map(({ url }) => url).join(","), stop };
}

/** -1 stands for any. Only the first is an error if it is taken, since only that one was asked for. */
async function clientPorts(first: number, count: number): Promise<readonly number[]> {
  if (first === -1) return Array.from({ length: count }, () => -1);
  return (await choosePorts(first, count)).map((port) => (port === 0 ? -1 : port));
}

async function writeConfig(options: BrokerServersOptions, index: number, port: number): Promise<string> {
  const { home, keys, servers, binary } = options;
  const { name, clusterPort } = servers[index] as PlannedServer;
  const own: ServerConfigOptions = { keys, serverVersion: binary.version, serverName: name, port };
  if (servers.length === 1) return await writeServerConfig(home, own);
  const routes = servers.map((server) => `127.0.0.1:${server.clusterPort}`);
  const cluster = { name: "malla", port: clusterPort, routes, ownRoute: `127.0.0.1:${clusterPort}` };
  // Monitoring is how `malla check` learns of its routes.
  return await writeServerConfig(home, { ...own, httpPort: -1, cluster });
}
