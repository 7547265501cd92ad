// CPU time of processes, as Linux counts it.
import { readFileSync } from "node:fs";

/** /proc counts in hundredths of a second, on every architecture. */
const MICROS_A_TICK = 10_000;

/** User and system time in the content of `/proc/<pid>/stat`, all threads together, in µs. Throws for anything else. */
export function parseStat(text: string): number {
  // The second field is the name of the program, which may hold anything; the rest follows its last bracket.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isFinite(ticks)) throw new Error("this is no /proc/<pid>/stat");
  return ticks * MICROS_A_TICK;
}

/** Time that this machine's cores have been busy so far, all together, in the content of `/proc/stat`, in µs. */
export function parseBusy(text: string): number {
  const [user, nice, system, , , irq, softirq, steal] = (/^cpu +(.*)$/m.exec(text)?.[1] ?? "").split(" ").map(Number);
  const ticks = [user, nice, system, irq, softirq, steal].reduce<number>((sum, part) => sum + (part ?? Number.NaN), 0);
  if (!Number.isFinite(ticks)) throw new Error("this is no /proc/stat");
  return ticks * MICROS_A_TICK;
}

export function readBusyMicros(): number {
  return parseBusy(readFileSync("/proc/stat", "latin1"));
}

/** CPU time that a process has used so far, in µs. Throws if it is gone. */
export function readCpuMicros(pid: number): number {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch (cause) {
    throw new Error(`process ${pid} of the way has ended`, { cause });
  }
}
