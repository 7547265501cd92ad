// A mesh under steady load for a long time, looked at every few seconds.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cell, Measurement } from "../cell.ts";
import { type MeshWay, startMeshWay } from "../contenders/malla-mesh.ts";
import type { Machine } from "../machine.ts";
import { median } from "../median.ts";
import type { OnTheWay, RunOrder } from "../orders.ts";
import { Site } from "../site.ts";
import { orAborted } from "../stop-signal.ts";
import { countSeries, nodeSigns, systemSigns, tellingEnvironment } from "./read-vital-signs.ts";
import { judgeSoak, type Observation, type Verdict } from "./verdict.ts";

export interface SoakOptions {
  readonly minutes: number;
  /** Of the peak that is measured first. */
  readonly share: number;
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface SoakResult extends Verdict {
  readonly minutes: number;
  readonly peakCallsPerSecond: number;
  readonly rate: number;
  readonly load: Measurement;
  readonly verdict: "steady" | "grows";
}

const CELL: Cell = { mode: "closed", payloadBytes: 128, concurrency: 128, rate: 0, depth: 1 };
const PEAK_ROUNDS = 3;
const PEAK_MS = 3_000;
const WARM_UP_MS = 2_000;

export async function soak(machine: Machine, options: SoakOptions): Promise<SoakResult> {
  const folder = join(machine.folder, "vital-signs");
  await mkdir(folder);
  const site = await Site.open(machine, "soak", { environment: tellingEnvironment(folder) });
  try {
    const way = await startMeshWay(site, { depth: 1, role: "service" });
    return await underLoad(way, folder, options);
  } finally {
    await site.close();
  }
}

async function underLoad(way: MeshWay, folder: string, options: SoakOptions): Promise<SoakResult> {
  const { minutes, share, everyMs, signal, say } = options;
  const run = async (cell: Cell, durationMs: number): Promise<Measurement> => {
    const order: RunOrder = { cell, durationMs, warmUpMs: WARM_UP_MS, others: way.others };
    return await orAborted(way.caller.tell<Measurement>(order), signal);
  };
  const peaks: number[] = [];
  for (let i = 0; i < PEAK_ROUNDS; i++) peaks.push((await run(CELL, PEAK_MS)).callsPerSecond);
  const peakCallsPerSecond = median(peaks);
  const rate = Math.max(1, Math.floor(peakCallsPerSecond * share));
  say(`peak ${Math.round(peakCallsPerSecond)} calls/s; ${minutes} minutes at ${rate} calls/s begin`);
  const done = new AbortController();
  const looking = observe(way, folder, everyMs, done.signal, say);
  const running = run({ ...CELL, mode: "open", concurrency: 0, rate }, minutes * 60_000);
  // Whichever fails first ends both.
  const load = await Promise.race([running, looking.then(() => running)]).finally(() => done.abort());
  const judged = judgeSoak(await looking);
  const verdict = judged.grows.length === 0 ? "steady" : "grows";
  return { minutes, peakCallsPerSecond, rate, load, verdict, ...judged };
}

/** Resolves to all observations when it is told to end. */
async function observe(
  { caller, others, metricsPort }: MeshWay,
  folder: string,
  everyMs: number,
  done: AbortSignal,
  say: (line: string) => void,
): Promise<readonly Observation[]> {
  const processes: readonly OnTheWay[] = [{ name: "caller", pid: caller.pid }, ...others];
  const observations: Observation[] = [];
  while (!done.aborted) {
    await sleep(everyMs, undefined, { signal: done }).catch(() => undefined);
    if (done.aborted) break;
    const atMs = performance.now();
    const series = await countSeries(metricsPort);
    for (const process of processes) {
      // The broker takes the signal that makes Node tell for an order to leave.
      const found = process.name === "broker" ? systemSigns(process.pid) : await nodeSigns(process, folder);
      const signs = process.name === "router" ? { ...found, series } : found;
      observations.push({ atMs, process: process.name, signs });
    }
    say(observations.slice(-processes.length).map(describe).join("; "));
  }
  return observations;
}

function describe({ process, signs }: Observation): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const heap = signs.heapBytes === undefined ? "" : `, heap ${mib(signs.heapBytes)}`;
  return `${process} ${mib(signs.rssBytes)}${heap}, ${signs.files} files`;
}
