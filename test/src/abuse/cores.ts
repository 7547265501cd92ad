// Which processes take which cores, and how much of them. Linux only: elsewhere nothing is told and nothing is pinned.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";

/** The kernel tells CPU time in hundredths of a second. */
const TICK_MS = 10;

/** CPU a process has used so far, all its threads, in ms; 0 if that cannot be told. */
export async function cpuMsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name in parentheses may hold blanks; behind it user and system time are the 12th and 13th.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks * TICK_MS : 0;
}

/** CPU of several processes while something was done, in ms. */
export async function cpuMsDuring<Name extends string>(
  pids: Readonly<Record<Name, number>>,
  work: () => Promise<void>,
): Promise<Record<Name, number>> {
  const names = Object.keys(pids) as Name[];
  const read = async (): Promise<number[]> => await Promise.all(names.map(async (name) => await cpuMsOf(pids[name])));
  const before = await read();
  await work();
  const after = await read();
  return Object.fromEntries(names.map((name, i) => [name, (after[i] ?? 0) - (before[i] ?? 0)])) as Record<Name, number>;
}

/** Binds all threads of a process to cores, as `taskset` names them: `0` or `0-2`. */
export async function pin(pid: number, cores: string): Promise<void> {
  await promisify(execFile)("taskset", ["-a", "-p", "-c", cores, String(pid)]);
}

/** The last core for whoever misuses, the others for the mesh. */
export function twoSides(): { readonly mesh: string; readonly attacker: string } {
  const last = availableParallelism() - 1;
  if (last < 1) throw new Error("--pin takes at least two cores");
  return { mesh: last === 1 ? "0" : `0-${last - 1}`, attacker: String(last) };
}
