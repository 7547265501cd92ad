// The vital signs of the processes of a mesh: from /proc, from Node itself, from the router's metrics.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { OnTheWay } from "../orders.ts";
import type { VitalSigns } from "./verdict.ts";

const TOLD_WITHIN_MS = 10_000;
const POLL_MS = 10;

/** What `tell-vital-signs.mjs` writes. */
interface ToldSigns {
  /** How often it has told. */
  readonly count: number;
  readonly heapBytes: number;
  readonly resources: number;
}

/** What a Node program is started with so that it tells. */
export function tellingEnvironment(folder: string): Record<string, string> {
  const module = fileURLToPath(new URL("tell-vital-signs.mjs", import.meta.url));
  return { NODE_OPTIONS: `--import=${module}`, VITAL_SIGNS: folder };
}

/** Of a program that is not Node: what the system knows. Throws if it is gone. */
export function systemSigns(pid: number): VitalSigns {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  if (rss === null) throw new Error(`process ${pid} has ended`);
  return { rssBytes: Number(rss[1]) * 1024, files: readdirSync(`/proc/${pid}/fd`).length };
}

/** Of a Node program started with `tellingEnvironment`. Rejects if it does not tell. */
export async function nodeSigns({ name, pid }: OnTheWay, folder: string): Promise<VitalSigns> {
  const file = join(folder, `${pid}.json`);
  const before = read(file)?.count ?? 0;
  process.kill(pid, "SIGUSR2");
  for (const until = performance.now() + TOLD_WITHIN_MS; performance.now() < until; await sleep(POLL_MS)) {
    const told = read(file);
    if (told === undefined || told.count === before) continue;
    return { ...systemSigns(pid), heapBytes: told.heapBytes, resources: told.resources };
  }
  throw new Error(`${name} (${pid}) did not tell how it is within ${TOLD_WITHIN_MS} ms`);
}

function read(file: string): ToldSigns | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ToldSigns;
  } catch {
    return undefined;
  }
}

/** Lines of a metrics page that are values. */
export async function countSeries(metricsPort: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  return (await answer.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
}
