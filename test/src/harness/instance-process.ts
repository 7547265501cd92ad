// An instance in a process of its own, to be killed: serves `ledger` methods and writes each run down before it works, so
// that what a killed process had begun is known.
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type CallContext, connect, MeshError } from "@malla/sdk";
import { patiently } from "./patiently.ts";

interface Entry {
  readonly id: string;
  readonly workMs?: number;
}

const ledger = process.env.LEDGER as string;
const failing = Number(process.env.FAIL_PERCENT ?? 0);

const mesh = await patiently(async () => await connect());

async function run(kind: string, { id, workMs = 0 }: Entry, context: CallContext): Promise<object> {
  appendFileSync(ledger, `${kind} ${id} ${mesh.instance} ${context.attempt}\n`);
  if (workMs > 0) await sleep(workMs);
  if (Math.random() * 100 < failing) throw new MeshError({ status: "UNAVAILABLE", message: "injected" });
  return { id, instance: mesh.instance };
}

await mesh.serve({
  read: (entry: Entry, context: CallContext) => run("read", entry, context),
  write: (entry: Entry, context: CallContext) => run("write", entry, context),
});
process.stdout.write(`${JSON.stringify({ instance: mesh.instance })}\n`);
// The test that started this is gone when its end of the pipe is.
process.stdin.on("end", () => process.exit(1)).resume();
