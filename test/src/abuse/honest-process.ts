// Honest work in a process of its own: serves `calm`, and calls it at a fixed rate, whatever the answers do. On a line `start` on
// its standard input a window begins; on `stop` it ends, and what was measured goes to standard output as one line of JSON.
import { createInterface } from "node:readline";
import { connect, MeshError } from "@malla/sdk";
import { patiently } from "../harness/patiently.ts";

export interface Measured {
  readonly calls: number;
  readonly failed: number;
  /** Why, each reason once. */
  readonly reasons: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const CALLS_PER_SECOND = 200;
/** Often enough that calls are spread and not sent in bunches. */
const TICK_MS = 5;
const TIMEOUT_MS = 5_000;

const mesh = await patiently(async () => await connect({ maxInFlight: 2_000 }));
await mesh.serve({ echo: (request: unknown) => request });

let times: number[] = [];
let failed = 0;
let reasons = new Set<string>();
let measuring = false;
let sent = 0;
const startedAtMs = performance.now();

/** Measured from when it was due: a call that could not be sent in time was late for whoever wanted it. */
async function call(dueAtMs: number): Promise<void> {
  const counts = measuring;
  try {
    await mesh.call("calm", "echo", { text: "as short as most" }, { timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if (counts) {
      failed++;
      reasons.add(error instanceof MeshError ? `${error.reason}: ${error.message}` : String(error));
    }
  }
  if (counts) times.push(performance.now() - dueAtMs);
}

setInterval(() => {
  const due = ((performance.now() - startedAtMs) / 1000) * CALLS_PER_SECOND;
  for (; sent < due; sent++) void call(startedAtMs + (sent * 1000) / CALLS_PER_SECOND);
}, TICK_MS);

function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 100) / 100;
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    measuring = line === "start";
    if (measuring) {
      times = [];
      failed = 0;
      reasons = new Set();
      return;
    }
    const sorted = times.toSorted((a, b) => a - b);
    const measured: Measured = {
      calls: sorted.length,
      failed,
      reasons: [...reasons],
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
    };
    process.stdout.write(`${JSON.stringify(measured)}\n`);
  })
  .on("close", () => process.exit(0));
process.stdout.write(`${JSON.stringify({ instance: mesh.instance })}\n`);
