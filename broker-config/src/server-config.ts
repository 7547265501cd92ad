// Writes the configuration of one nats-server: the settings that hold everywhere are included from ../server as they are;
// what is this server's own (trust, ports, folders, sizes) is generated under <home>/server.
import { randomBytes } from "node:crypto";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isServiceName } from "@malla/sdk/contract";
import { STORE_LIMITS } from "./accounts.ts";
import { makePrivateFolder, readIfPresent, readOrCreatePrivateFile, writePrivateFile } from "./atomic-file.ts";
import { trustChain } from "./jwts.ts";
import { ensureKeys, type Keys, keysFolder } from "./keys.ts";
import { isAtFloor, PINNED_VERSION } from "./nats-server-version.ts";

/** The folder of the settings that hold everywhere; production configurations include its files too. */
export const SERVER_SETTINGS_FOLDER = fileURLToPath(new URL("../server", import.meta.url));
export const DEFAULT_SERVER_NAME = "malla";
export const DEFAULT_NATS_PORT = 4222;
/** Copies of every stream in a cluster. */
const CLUSTER_COPIES = 3;

export interface ClusterOptions {
  /** The same in every server of the cluster. */
  readonly name: string;
  /** Port for other servers; -1 picks a free one. */
  readonly port: number;
  /** `host:port` of the cluster ports of the other servers. */
  readonly routes: readonly string[];
  /** Default: the host of the server. */
  readonly host?: string;
  /** `host:port` that other servers are told to reach this one at. Default: where it listens. */
  readonly advertise?: string;
}

export interface ServerConfigOptions {
  /** Port for clients, default 4222; -1 picks a free one. */
  readonly port?: number;
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** JetStream's folder. Default: the server's own folder under home. Two servers must never share one. */
  readonly storeDir?: string;
  /** A DNS label, unique in a cluster. Default: `malla`. */
  readonly serverName?: string;
  /** Monitoring on the same host, off by default; -1 picks a free one. */
  readonly httpPort?: number;
  readonly cluster?: ClusterOptions;
  /** Of the server this is for. One below the floor gets only the settings it knows. Default: the pinned version. */
  readonly serverVersion?: string;
  /** Default: the keys under home, made if missing. */
  readonly keys?: Keys;
}

/**
 * Writes `<home>/server/accounts.conf` and `<home>/server/<serverName>/nats-server.conf`, replacing them, and returns the
 * path of the latter. A running server takes new accounts and keys from them on reload.
 */
export async function writeServerConfig(home: string, options: ServerConfigOptions = {}): Promise<string> {
  const { serverName = DEFAULT_SERVER_NAME } = options;
  if (!isServiceName(serverName))
    throw new Error(`"${serverName}" cannot be the name of a server: use up to 63 of a-z, 0-9 and -`);
  const keys = options.keys ?? (await ensureKeys(home, { applications: [] }));
  const folder = serverFolder(home, serverName);
  await makePrivateFolder(folder);
  const password = options.cluster === undefined ? "" : await clusterPassword(home);
  const path = join(folder, "nats-server.conf");
  const content = serverConf({ ...options, serverName, folder: resolve(folder), keys, password });
  const copies = options.cluster === undefined ? 1 : CLUSTER_COPIES;
  await writePrivateFile(join(home, "server", "accounts.conf"), await accountsConf(home, keys, copies));
  await writePrivateFile(path, content);
  return path;
}

/** Where a server keeps its configuration, log, ports file and, unless told otherwise, its streams. */
export function serverFolder(home: string, serverName: string = DEFAULT_SERVER_NAME): string {
  return join(home, "server", serverName);
}

async function accountsConf(home: string, keys: Keys, copies: number): Promise<string> {
  const operatorFile = join(home, "server", "operator.jwt");
  const earlier = (await readIfPresent(operatorFile))?.trim();
  const trust = await trustChain(keys, { earlierOperator: earlier, copies });
  if (trust.operator !== earlier) await writePrivateFile(operatorFile, `${trust.operator}\n`);
  const accounts = [...trust.accounts].map(([publicKey, jwt]) => `  ${publicKey}: ${jwt}`);
  return [
    "# Generated: whom this mesh trusts.",
    `operator: ${trust.operator}`,
    `system_account: ${trust.systemAccount}`,
    "resolver: MEMORY",
    "resolver_preload: {",
    ...accounts,
    "}",
    "",
  ].join("\n");
}

interface ServerFacts extends ServerConfigOptions {
  readonly serverName: string;
  /** Absolute. */
  readonly folder: string;
  readonly keys: Keys;
  readonly password: string;
}

function serverConf(facts: ServerFacts): string {
  const { folder, host = "127.0.0.1" } = facts;
  const settings = (file: string): string => include(folder, join(SERVER_SETTINGS_FOLDER, file));
  const recent = isAtFloor(facts.serverVersion ?? PINNED_VERSION);
  const { diskBytes, memoryBytes } = storeSizes(facts.keys);
  return [
    "# Generated: what is this server's own.",
    settings("limits.conf"),
    ...(recent ? [settings("producers.conf")] : []),
    include(folder, join(folder, "..", "accounts.conf")),
    `server_name: ${quote(facts.serverName)}`,
    `host: ${quote(host)}`,
    `port: ${port(facts.port ?? DEFAULT_NATS_PORT)}`,
    ...(facts.httpPort === undefined ? [] : [`http: ${quote(`${host}:${port(facts.httpPort)}`)}`]),
    `ports_file_dir: ${quote(folder)}`,
    "jetstream {",
    ...(recent ? [`  ${settings("jetstream.conf")}`] : []),
    `  store_dir: ${quote(resolve(facts.storeDir ?? folder))}`,
    `  max_file_store: ${diskBytes}`,
    `  max_memory_store: ${memoryBytes}`,
    "}",
    ...(facts.cluster === undefined
      ? []
      : clusterConf(facts.cluster, host, facts.password, recent ? [`  ${settings("cluster.conf")}`] : [])),
    "",
  ].join("\n");
}

function clusterConf(cluster: ClusterOptions, host: string, password: string, settings: readonly string[]): string[] {
  return [
    "cluster {",
    ...settings,
    `  name: ${quote(cluster.name)}`,
    `  host: ${quote(cluster.host ?? host)}`,
    `  port: ${port(cluster.port)}`,
    ...(cluster.advertise === undefined ? [] : [`  advertise: ${quote(cluster.advertise)}`]),
    `  authorization { user: "route", password: ${quote(password)} }`,
    `  routes: [${cluster.routes.map((route) => quote(`nats://route:${password}@${route}`)).join(", ")}]`,
    "}",
  ];
}

/** A server without a limit of its own would take all of the disk; this is what the accounts may use together. */
function storeSizes(keys: Keys): { diskBytes: number; memoryBytes: number } {
  const limits = keys.accounts.map((account) => STORE_LIMITS[account.kind]).filter((limit) => limit !== undefined);
  return {
    diskBytes: limits.reduce((sum, limit) => sum + limit.diskBytes, 0),
    memoryBytes: limits.reduce((sum, limit) => sum + limit.memoryBytes, 0),
  };
}

/** Servers of one home prove themselves to each other with one random password. */
async function clusterPassword(home: string): Promise<string> {
  const text = await readOrCreatePrivateFile(
    join(keysFolder(home), "cluster.secret"),
    () => `${randomBytes(24).toString("hex")}\n`,
  );
  return text.trim();
}

/** The server joins every include to the folder of the including file, absolute paths too. */
function include(folder: string, file: string): string {
  return `include ${quote(relative(folder, file).replaceAll("\\", "/"))}`;
}

function quote(text: string): string {
  if (/[\n\r"]/.test(text))
    throw new Error(`${JSON.stringify(text)} cannot stand in a server configuration: it has a quote or a line break`);
  return `"${text.replaceAll("\\", "\\\\")}"`;
}

function port(value: number): number {
  if (value === -1 || (Number.isInteger(value) && value >= 1 && value <= 65_535)) return value;
  throw new Error(`${value} is no port: use 1 to 65535, or -1 for any free one`);
}
