// Writes the configuration of a server on this machine, under <home>/server.
import { join, relative, resolve } from "node:path";
import { makePrivateFolder, readIfPresent, writePrivateFile } from "../atomic-file.ts";
import { ensureKeys, type Keys } from "../keys.ts";
import type { ServerOptions } from "./options.ts";
import { DEFAULT_SERVER_NAME } from "./server-conf.ts";
import { ACCOUNTS_CONF, SERVER_CONF, SERVER_SETTINGS_FOLDER, serverTexts } from "./server-config-files.ts";

export interface ServerConfigOptions extends ServerOptions {
  /** A DNS label, unique in a cluster. Default: `malla`. */
  readonly serverName?: string;
  /** JetStream's folder. Default: the server's own folder under home. Two servers must never share one. */
  readonly storeDir?: string;
  /** Default: the keys under home, made if missing. */
  readonly keys?: Keys;
}

/**
 * Writes `<home>/server/accounts.conf` and `<home>/server/<serverName>/nats-server.conf`, replacing them, and returns the
 * path of the latter. A running server takes new accounts and keys from them on reload. Servers of one home share the
 * first file, so either all or none of them are of a cluster, and hub and leaf node have homes of their own.
 */
export async function writeServerConfig(home: string, options: ServerConfigOptions = {}): Promise<string> {
  const keys = options.keys ?? (await ensureKeys(home, { applications: [] }));
  const folder = resolve(serverFolder(home, options.serverName));
  const accountsFile = resolve(home, "server", ACCOUNTS_CONF);
  const placement = {
    include: (file: string): string => relativeTo(folder, locate(file, accountsFile)),
    storeDir: resolve(options.storeDir ?? folder),
    portsDir: folder,
  };
  const { server, accounts } = await serverTexts(keys, options, placement, await readIfPresent(accountsFile));
  await makePrivateFolder(folder);
  await writePrivateFile(accountsFile, accounts);
  const path = join(serverFolder(home, options.serverName), SERVER_CONF);
  await writePrivateFile(path, server);
  return path;
}

/** Where a server keeps its configuration, log, ports file and, unless told otherwise, its streams. */
export function serverFolder(home: string, serverName: string = DEFAULT_SERVER_NAME): string {
  return join(home, "server", serverName);
}

function locate(file: string, accountsFile: string): string {
  return file === ACCOUNTS_CONF ? accountsFile : join(SERVER_SETTINGS_FOLDER, file);
}

/** The server joins every include to the folder of the including file, absolute paths too. */
function relativeTo(folder: string, file: string): string {
  return relative(folder, file).replaceAll("\\", "/");
}
