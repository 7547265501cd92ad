// A server's whole configuration as texts, for a server that runs elsewhere: all files lie flat in one folder.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Keys } from "../keys.ts";
import { accountsConf } from "./accounts-conf.ts";
import type { ServerOptions } from "./options.ts";
import { isLeaf, type Placement, serverConf, settingsFilesOf } from "./server-conf.ts";

/** The folder of the settings that hold everywhere; production configurations include its files too. */
export const SERVER_SETTINGS_FOLDER = fileURLToPath(new URL("../../server", import.meta.url));
export const SERVER_CONF = "nats-server.conf";
export const ACCOUNTS_CONF = "accounts.conf";
/** Copies of every stream in a cluster. */
const CLUSTER_COPIES = 3;
const DEFAULT_LEAF_NODES = 64;

export interface ServerFilesOptions extends ServerOptions {
  /** JetStream's folder on the machine of the server. Two servers must never share one. */
  readonly storeDir: string;
  /** `accounts.conf` as it was written before: what still fits is taken again, so that the same keys give the same text. */
  readonly earlierAccounts?: string;
}

/**
 * File name → text. `nats-server.conf` is the one to start the server with; it includes the others by their names alone.
 * The texts hold the password between servers; keep them as a secret. Throws for options that cannot be. Two runs with
 * the same keys and options give the same texts if the second is given the first's `accounts.conf`.
 */
export async function serverConfigFiles(keys: Keys, options: ServerFilesOptions): Promise<ReadonlyMap<string, string>> {
  const placement = { include: (file: string): string => file, storeDir: options.storeDir, portsDir: undefined };
  const { server, accounts } = await serverTexts(keys, options, placement, options.earlierAccounts);
  const settings = await Promise.all(
    settingsFilesOf(options).map(
      async (file) => [file, await readFile(join(SERVER_SETTINGS_FOLDER, file), "utf8")] as const,
    ),
  );
  return new Map([[SERVER_CONF, server], [ACCOUNTS_CONF, accounts], ...settings]);
}

/** What is generated for one server, wherever it lies. */
export async function serverTexts(
  keys: Keys,
  options: ServerOptions,
  placement: Placement,
  earlierAccounts: string | undefined,
): Promise<{ readonly server: string; readonly accounts: string }> {
  const server = serverConf(keys, options, placement);
  const accounts = await accountsConf(
    keys,
    { copies: copies(options), leafNodes: leafNodes(options) },
    earlierAccounts,
  );
  return { server, accounts };
}

function copies({ cluster }: ServerOptions): number {
  return cluster === undefined ? 1 : CLUSTER_COPIES;
}

/** At the edge the link to each server of the hub counts against the account's own limit too. */
function leafNodes(options: ServerOptions): number {
  if (options.leafNodes !== undefined) return options.leafNodes.maxLeafNodes ?? DEFAULT_LEAF_NODES;
  return isLeaf(options) ? DEFAULT_LEAF_NODES : 0;
}
