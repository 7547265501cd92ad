// Servers that form one cluster, with everything a configuration can say: TLS, gateways, leaf nodes.
import {
  type ClusterOptions,
  findNatsServer,
  type Keys,
  type RunningServer,
  type ServerConfigOptions,
  startNatsServer,
  writeServerConfig,
} from "@malla/broker-config";
import { freePort } from "./free-port.ts";

export interface RegionOptions {
  /** Of the servers: they share what is written there. */
  readonly home: string;
  readonly keys: Keys;
  /** Of the cluster, and what its servers' names begin with. */
  readonly name: string;
  readonly count: number;
  readonly clusterTls?: ClusterOptions["tls"];
  /** What the servers have in common besides. */
  readonly server?: Omit<ServerConfigOptions, "port" | "serverName" | "keys" | "cluster" | "serverVersion">;
}

export interface Region {
  readonly servers: readonly RunningServer[];
  readonly urls: readonly string[];
  readonly stop: () => Promise<void>;
}

async function onOtherPorts(server: NonNullable<RegionOptions["server"]>): Promise<RegionOptions["server"]> {
  const { gateway, leafNodes } = server;
  return {
    ...server,
    ...(gateway === undefined ? {} : { gateway: { ...gateway, port: await freePort() } }),
    ...(leafNodes === undefined ? {} : { leafNodes: { ...leafNodes, port: await freePort() } }),
  };
}

/** Starts them at once, on free ports. Rejects, leaving nothing, if one does not start. */
export async function startRegion(options: RegionOptions): Promise<Region> {
  const { home, keys, name, count, clusterTls, server = {} } = options;
  const binary = await findNatsServer({ progress: (line) => process.stderr.write(`${line}\n`) });
  const ports = await Promise.all(Array.from({ length: count }, async () => await freePort()));
  const routes = ports.map((port) => `127.0.0.1:${port}`);
  const configs: string[] = [];
  for (const [index, port] of ports.entries()) {
    const ownRoute = `127.0.0.1:${port}`;
    const cluster = { name, port, routes, ownRoute, ...(clusterTls === undefined ? {} : { tls: clusterTls }) };
    const own = { port: await freePort(), serverName: `${name}-${index + 1}`, keys, serverVersion: binary.version };
    // JetStream does not choose a leader among one; without gateways it need not.
    const isAlone = count === 1 && server.gateway === undefined;
    // The first has the ports that others know; on one machine the rest need ports of their own.
    const ports = index === 0 ? server : await onOtherPorts(server);
    configs.push(await writeServerConfig(home, { ...ports, ...own, ...(isAlone ? {} : { cluster }) }));
  }
  const settled = await Promise.allSettled(
    configs.map(async (configPath) => await startNatsServer({ binary: binary.path, configPath })),
  );
  const servers = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const stop = async (): Promise<void> => void (await Promise.all(servers.map(async (one) => one.stop())));
  const failed = settled.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { servers, urls: servers.map(({ url }) => url), stop };
}
