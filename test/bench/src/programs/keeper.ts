// Holds programs that are not ours (a broker, a proxy) and kills them when whoever started it is gone: they would not notice. So
// that keys are not left lying about, the folder of the run goes with them.
import { spawn } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import type { KeeperSettings, KeepOrder } from "../orders.ts";
import { answerOrders, readSettings } from "./answer-orders.ts";

const { folder } = readSettings<KeeperSettings>();
const kept = new Set<number>();
process.on("exit", () => {
  for (const pid of kept) process.kill(pid, "SIGKILL");
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** Resolves to its process id. */
async function keep({ file, args, logFile }: KeepOrder): Promise<number> {
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(file, args, { stdio: ["ignore", log, log] });
  closeSync(log);
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => {
      const pid = child.pid as number;
      kept.add(pid);
      child.once("exit", () => kept.delete(pid));
      resolve(pid);
    });
  });
}

await answerOrders(
  async () => undefined,
  async (order) => await keep(order as KeepOrder),
);
