// An instance that writes down each run before it works. On its standard input it takes `block MS` (its event loop stands still)
// and `clock MS` (its wall clock jumps).
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@malla/sdk";
import { patiently } from "../../harness/patiently.ts";
import { Journal, nowUs } from "../journal.ts";

export interface WorkerSettings {
  readonly journal: string;
  /** Longest work of a call, in ms; each takes between none of it and all. */
  readonly workMs: number;
}

const settings = JSON.parse(process.env.SETTINGS ?? "{}") as WorkerSettings;
const mesh = await patiently(async () => await connect());
const journal = new Journal(settings.journal, mesh.instance);
let runs = 0;

async function run({ id }: { readonly id: string }): Promise<object> {
  journal.ran({ id, atUs: nowUs(), instance: mesh.instance });
  const ms = (runs++ % 7) * (settings.workMs / 6);
  if (ms > 0) await sleep(ms);
  return { id };
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

function jump(ms: number): void {
  const { now } = Date;
  Date.now = () => now() + ms;
}

await mesh.serve({ read: run, write: run });
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const [order, ms] = line.split(" ");
    if (order === "block") block(Number(ms));
    if (order === "clock") jump(Number(ms));
  })
  .on("close", () => process.exit(1));
process.stdout.write(`${JSON.stringify({ instance: mesh.instance })}\n`);
