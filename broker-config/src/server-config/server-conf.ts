// The configuration of one nats-server: what holds everywhere is included from the settings as it is, what is this
// server's own (trust, ports, folders, sizes, neighbours) is generated.
import { isServiceName } from "@malla/sdk/contract";
import { STORE_LIMITS } from "../accounts.ts";
import type { Keys } from "../keys.ts";
import { isAtFloor, PINNED_VERSION } from "../nats-server-version.ts";
import { callsAccount, dedicatedAccounts } from "./accounts-conf.ts";
import { block, port, positive, quote, textOrVariable } from "./conf-text.ts";
import type { ServerOptions } from "./options.ts";
import { clusterBlock, gatewayBlock, leafBlock } from "./server-blocks.ts";
import { clientTls } from "./tls-block.ts";

export const DEFAULT_SERVER_NAME = "malla";
export const DEFAULT_NATS_PORT = 4222;

/** Files of settings that a server's configuration may include. */
export const SETTINGS_FILES = [
  "limits.conf",
  "producers.conf",
  "jetstream.conf",
  "cluster.conf",
  "gateway.conf",
  "leafnodes.conf",
] as const;
export type SettingsFile = (typeof SETTINGS_FILES)[number];

/** Where things lie on the machine of the server. */
export interface Placement {
  /** How the configuration includes a file: a path that counts from its own folder. */
  readonly include: (file: SettingsFile | "accounts.conf") => string;
  readonly storeDir: string;
  /** Where the server writes a file of the ports it has; undefined: nowhere. */
  readonly portsDir: string | undefined;
}

/** Throws for what cannot stand in it. */
export function serverConf(keys: Keys, options: ServerOptions, placement: Placement): string {
  const { host = "127.0.0.1", serverName = DEFAULT_SERVER_NAME, httpPort, pidFile, tags = [] } = options;
  checkName(serverName);
  checkRegion(options);
  const recent = isRecent(options);
  const include = (file: SettingsFile | "accounts.conf"): string => `include ${quote(placement.include(file))}`;
  const settings = (file: SettingsFile): string[] => (recent ? [include(file)] : []);
  return [
    "# Generated: what is this server's own.",
    include("limits.conf"),
    ...settings("producers.conf"),
    include("accounts.conf"),
    `server_name: ${textOrVariable(serverName)}`,
    ...(tags.length === 0 ? [] : [`server_tags: [${tags.map(quote).join(", ")}]`]),
    `host: ${quote(host)}`,
    `port: ${port(options.port ?? DEFAULT_NATS_PORT)}`,
    ...(options.tls === undefined ? [] : clientTls(options.tls)),
    ...(httpPort === undefined ? [] : [`http: ${quote(`${options.httpHost ?? host}:${port(httpPort)}`)}`]),
    ...(placement.portsDir === undefined ? [] : [`ports_file_dir: ${quote(placement.portsDir)}`]),
    ...(pidFile === undefined ? [] : [`pid_file: ${quote(pidFile)}`]),
    ...(hasJetStream(options) ? jetStreamBlock(keys, options, settings("jetstream.conf"), placement.storeDir) : []),
    ...neighbours(keys, options, host, recent, settings),
    "",
  ].join("\n");
}

/** The settings that the configuration for these options includes. */
export function settingsFilesOf(options: ServerOptions): readonly SettingsFile[] {
  const recent = isRecent(options);
  const wanted: Readonly<Record<SettingsFile, boolean>> = {
    "limits.conf": true,
    "producers.conf": recent,
    "jetstream.conf": recent && hasJetStream(options),
    "cluster.conf": recent && options.cluster !== undefined,
    "gateway.conf": recent && options.gateway !== undefined,
    "leafnodes.conf": recent && (options.leafNodes !== undefined || isLeaf(options)),
  };
  return SETTINGS_FILES.filter((file) => wanted[file]);
}

export function isLeaf({ leafRemotes = [] }: ServerOptions): boolean {
  return leafRemotes.length > 0;
}

function neighbours(
  keys: Keys,
  options: ServerOptions,
  host: string,
  recent: boolean,
  settings: (file: SettingsFile) => string[],
): string[] {
  const { cluster, gateway, leafNodes, leafRemotes = [] } = options;
  const dedicated = recent ? dedicatedAccounts(keys) : [];
  const account = callsAccount(keys).identity.publicKey;
  return [
    ...(cluster === undefined
      ? []
      : clusterBlock(cluster, dedicated, { host, settings: settings("cluster.conf"), password: keys.routePassword })),
    ...(gateway === undefined
      ? []
      : gatewayBlock(gateway, { host, settings: settings("gateway.conf"), password: keys.gatewayPassword })),
    ...leafBlock(leafNodes, leafRemotes, account, { host, settings: settings("leafnodes.conf") }),
  ];
}

function jetStreamBlock(keys: Keys, options: ServerOptions, settings: readonly string[], storeDir: string): string[] {
  const together = storeSizes(keys);
  const { maxFileStoreBytes = together.diskBytes, maxMemoryStoreBytes = together.memoryBytes } = options;
  return block("jetstream", [
    ...settings,
    `store_dir: ${quote(storeDir)}`,
    `max_file_store: ${positive("maxFileStoreBytes", maxFileStoreBytes)}`,
    `max_memory_store: ${positive("maxMemoryStoreBytes", maxMemoryStoreBytes)}`,
  ]);
}

/** A server without a limit of its own would take all of the disk; this is what the accounts may use together. */
function storeSizes(keys: Keys): { diskBytes: number; memoryBytes: number } {
  const limits = keys.accounts.map((account) => STORE_LIMITS[account.kind]).filter((limit) => limit !== undefined);
  return {
    diskBytes: limits.reduce((sum, limit) => sum + limit.diskBytes, 0),
    memoryBytes: limits.reduce((sum, limit) => sum + limit.memoryBytes, 0),
  };
}

function hasJetStream(options: ServerOptions): boolean {
  return options.jetStream ?? !isLeaf(options);
}

function isRecent({ serverVersion = PINNED_VERSION }: ServerOptions): boolean {
  return isAtFloor(serverVersion);
}

function checkName(name: ServerOptions["serverName"]): void {
  if (typeof name === "string" && !isServiceName(name))
    throw new Error(`"${name}" cannot be the name of a server: use up to 63 of a-z, 0-9 and -`);
}

function checkRegion({ cluster, gateway, leafNodes }: ServerOptions): void {
  // nats-server 2.15.2 lets a leaf node that claims to be the hub send replies to other regions unchecked, on any subject.
  if (gateway !== undefined && leafNodes !== undefined && leafNodes.tls?.verify !== true)
    throw new Error(
      "a server with gateways takes leaf nodes only with tls.verify, from servers of your own: a hostile one could speak " +
        "for anybody in other regions; let edges dial a server without gateways that is a leaf node itself",
    );
  // The server would say it itself, but only when it starts.
  if (cluster !== undefined && gateway !== undefined && cluster.name !== gateway.name)
    throw new Error(`the gateway "${gateway.name}" and the cluster "${cluster.name}" of a server must have one name`);
}
