// What a process costs, as the kernel says it.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Resident memory, in MiB. */
export function residentMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}

/** CPU since its start, in ms; the kernel counts in hundredths of a second. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Middle of so many looks at its resident memory, in MiB: it breathes with its garbage. */
export async function settledMib(pid: number, looks = 11, everyMs = 300): Promise<number> {
  const seen: number[] = [];
  for (let look = 0; look < looks; look++) {
    await sleep(everyMs);
    seen.push(residentMib(pid));
  }
  return seen.toSorted((a, b) => a - b)[Math.floor(looks / 2)] as number;
}
