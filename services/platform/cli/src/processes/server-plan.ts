// Which servers a home has: how many, their names and the ports at which they meet. Kept in <home>/server/servers.json, so that
// they find each other, and their streams, when they are started again.
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { DEFAULT_SERVER_NAME, serverFolder } from "@malla/broker-config";
import { Failure } from "../failure.ts";
import { isFree } from "./free-port.ts";

/** How many servers `malla up` runs: one, or as many as can lose some and still agree. */
export const SERVER_COUNTS = [1, 3, 5] as const;
export type ServerCount = (typeof SERVER_COUNTS)[number];

export interface PlannedServer {
  readonly name: string;
  /** Where the other servers reach it; 0: it is alone. */
  readonly clusterPort: number;
}

/**
 * The servers of a home, made if they are new. `count` undefined: as many as there were, else one. Rejects with a Failure for a
 * number that the streams of this home cannot follow.
 */
export async function planServers(home: string, count: ServerCount | undefined): Promise<readonly PlannedServer[]> {
  const before = await readServers(home);
  const wanted = count ?? before?.length ?? 1;
  if (before !== undefined) refuseLoss(before.length, wanted);
  const servers = wanted === 1 ? [{ name: DEFAULT_SERVER_NAME, clusterPort: 0 }] : await members(wanted, before ?? []);
  if (JSON.stringify(servers) !== JSON.stringify(before)) await writeServers(home, servers);
  return servers;
}

/**
 * A cluster takes in more servers; everything else would lose streams: a server that was alone has none a cluster knows of, and
 * servers that are left out take their copies along.
 */
function refuseLoss(before: number, wanted: number): void {
  if (wanted === before || (before > 1 && wanted > before)) return;
  throw new Failure(
    [
      `the streams of this home are on ${before} ${before === 1 ? "server" : "servers"}, and ${wanted} cannot take them over.`,
      `Go on with --servers ${before}, use another home (MALLA_HOME), or move the policy:`,
      "  malla get all -o yaml > policies.yaml     while it runs as before",
      "  rm -r .malla/server                       when it has ended; what applications keep in streams is lost",
      `  malla up --servers ${wanted}`,
      "  malla apply -f policies.yaml",
    ].join("\n"),
  );
}

/** Those there were keep their names and, unless somebody has taken them meanwhile, their ports. */
async function members(count: number, before: readonly PlannedServer[]): Promise<readonly PlannedServer[]> {
  const servers: PlannedServer[] = [];
  for (let i = 0; i < count; i++) {
    const kept = before[i]?.clusterPort ?? 0;
    const isUsable = kept !== 0 && (await isFree(kept));
    const taken = servers.map(({ clusterPort }) => clusterPort);
    servers.push({ name: `${DEFAULT_SERVER_NAME}-${i + 1}`, clusterPort: isUsable ? kept : await anyPort(taken) });
  }
  return servers;
}

/** A home from before there was a list has one server, if it has any. */
async function readServers(home: string): Promise<readonly PlannedServer[] | undefined> {
  let text: string;
  try {
    text = await readFile(file(home), "utf8");
  } catch {
    const alone = [{ name: DEFAULT_SERVER_NAME, clusterPort: 0 }];
    return existsSync(join(serverFolder(home), "jetstream")) ? alone : undefined;
  }
  try {
    return JSON.parse(text) as readonly PlannedServer[];
  } catch {
    throw new Failure(`${file(home)} is damaged; restore it, or delete .malla/server to begin anew`);
  }
}

async function writeServers(home: string, servers: readonly PlannedServer[]): Promise<void> {
  await mkdir(join(home, "server"), { recursive: true, mode: 0o700 });
  const temporary = `${file(home)}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(servers, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, file(home));
}

function file(home: string): string {
  return join(home, "server", "servers.json");
}

async function anyPort(except: readonly number[]): Promise<number> {
  for (;;) {
    const server = createServer();
    const port = await new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    });
    await new Promise((resolve) => server.close(resolve));
    if (!except.includes(port)) return port;
  }
}
