// Holds programs that are not ours (a broker, a proxy) and kills them when whoever started it is gone: they would not notice.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { KeepOrder } from "../orders.ts";
import { answerOrders } from "./answer-orders.ts";

const kept = new Set<number>();
process.on("exit", () => {
  for (const pid of kept) process.kill(pid, "SIGKILL");
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
