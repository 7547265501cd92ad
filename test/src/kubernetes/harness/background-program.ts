// A server of others that runs beside a test, with a file for what it says.
import { type ChildProcess, spawn } from "node:child_process";
import { openSync } from "node:fs";

const STOP_MS = 5_000;

/** Never outlives this process, as long as that ends by itself. */
export function startInBackground(program: string, log: string, args: readonly string[]): ChildProcess {
  const out = openSync(log, "a", 0o600);
  const child = spawn(program, args, { stdio: ["ignore", out, out] });
  process.once("exit", () => child.kill("SIGKILL"));
  return child;
}

/** SIGTERM, five seconds later SIGKILL; resolves when it has ended. */
export async function endInBackground(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(killer);
}
