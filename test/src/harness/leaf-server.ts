// A server at an edge: a leaf node of servers elsewhere, in a home of its own.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  ensureKeys,
  findNatsServer,
  issueCredentials,
  type Keys,
  type LeafRemote,
  type RunningServer,
  type ServerConfigOptions,
  startNatsServer,
  writeServerConfig,
} from "@malla/broker-config";
import { freePort } from "./free-port.ts";

export interface LeafServerOptions {
  readonly home: string;
  /** Of the hub: both trust one operator. */
  readonly keys: Keys;
  readonly name: string;
  /** `host:port` of the hub's leaf node ports. */
  readonly hubs: readonly string[];
  /** Services that live there. */
  readonly services: readonly string[];
  readonly tls?: LeafRemote["tls"];
  readonly server?: Pick<ServerConfigOptions, "leafNodes">;
}

export interface LeafServer {
  readonly url: string;
  /** kill -9, and the same server again. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startLeafServer(options: LeafServerOptions): Promise<LeafServer> {
  const { home, keys, name, hubs, services, tls, server = {} } = options;
  await ensureKeys(home, { applications: [] });
  const credentialsFile = join(home, "leaf.creds");
  await writeFile(credentialsFile, await issueCredentials(keys, { name, role: "leaf", edgeServices: services }), {
    mode: 0o600,
  });
  const binary = await findNatsServer({ progress: (line) => process.stderr.write(`${line}\n`) });
  const remote = { addresses: hubs, credentialsFile, ...(tls === undefined ? {} : { tls }) };
  const config = { port: await freePort(), serverName: name, keys, serverVersion: binary.version, ...server };
  const configPath = await writeServerConfig(home, { ...config, leafRemotes: [remote] });
  const start = async (): Promise<RunningServer> => await startNatsServer({ binary: binary.path, configPath });
  let running = await start();
  return {
    url: running.url,
    restart: async () => {
      process.kill(running.pid, "SIGKILL");
      // It resolves when the process is gone.
      await running.stop();
      running = await start();
    },
    stop: async () => running.stop(),
  };
}
