// What runs now, written by `malla up` for the other verbs: where the broker is, which processes there are.
import { readFileSync, rmSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface RunFile {
  /** Process of `malla up` itself. */
  readonly pid: number;
  /** All servers of the broker, with commas between. */
  readonly natsUrl: string;
  /** Its servers, and the processes of nats-server; 0 while one is down. */
  readonly brokers: readonly {
    readonly name: string;
    readonly pid: number;
    readonly url: string;
    /** Monitoring, where it is on. */
    readonly httpUrl?: string;
  }[];
  readonly routers: readonly { readonly name: string; readonly pid: number; readonly metricsPort: number }[];
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

function path(home: string): string {
  return join(home, "run.json");
}

export async function writeRunFile(home: string, content: RunFile): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const temporary = `${path(home)}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path(home));
}

/** What runs, or undefined: nothing does, or whoever wrote the file is dead. */
export function readRunFile(home: string): RunFile | undefined {
  try {
    const content = JSON.parse(readFileSync(path(home), "utf8")) as RunFile;
    return isAlive(content.pid) ? content : undefined;
  } catch {
    return undefined;
  }
}

export function removeRunFile(home: string): void {
  rmSync(path(home), { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
