// Everybody in every cell: all are started, then each cell is measured in rounds, everybody once a round, so that whatever the
// machine does meanwhile it does to all of them.
import { type Cell, describeCell, type Measurement, type Row, type Skipped } from "./cell.ts";
import { combine } from "./combine.ts";
import type { Contender } from "./contender.ts";
import type { Machine } from "./machine.ts";
import { NotHere } from "./not-here.ts";
import type { RunOrder } from "./orders.ts";
import { Site, type Way } from "./site.ts";
import { orAborted } from "./stop-signal.ts";

export interface MatrixOptions {
  readonly contenders: readonly Contender[];
  readonly cells: readonly Cell[];
  readonly tls: boolean;
  readonly rounds: number;
  readonly durationMs: number;
  /** Everybody makes calls for so long, many at a time, before anything is measured: code that is young is slow. */
  readonly settleMs: number;
  /** Before the first round of a cell; before each further one a third of it. */
  readonly warmUpMs: number;
  /** Default: none is written. */
  readonly profileFolder?: string | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface MatrixResult {
  readonly rows: readonly Row[];
  readonly skipped: readonly Skipped[];
}

const SETTLING: Cell = { mode: "closed", payloadBytes: 128, concurrency: 64, rate: 0, depth: 1 };

interface Running {
  readonly contender: Contender;
  readonly site: Site;
  readonly way: Way;
}

/** Rejects if a process dies; a call that fails is a number in its row. */
export async function runMatrix(machine: Machine, options: MatrixOptions): Promise<MatrixResult> {
  const rows: Row[] = [];
  const skipped: Skipped[] = [];
  for (const depth of new Set(options.cells.map((cell) => cell.depth))) {
    const cells = options.cells.filter((cell) => cell.depth === depth);
    const running: Running[] = [];
    try {
      for (const contender of options.contenders) {
        options.signal.throwIfAborted();
        const started = await start(machine, contender, depth, options);
        if (typeof started === "string") skipped.push({ contender: contender.name, tls: options.tls, why: started });
        else running.push(started);
      }
      options.say("everybody is ready");
      for (const one of running)
        await measure(one, { ...SETTLING, depth }, { ...options, durationMs: options.settleMs }, 0);
      for (const cell of cells) rows.push(...(await measureCell(running, cell, options)));
    } finally {
      await Promise.all(running.map(async ({ site }) => await site.close()));
    }
  }
  return { rows, skipped: withoutDoubles(skipped) };
}

/** Why not, if it cannot be had. */
async function start(
  machine: Machine,
  contender: Contender,
  depth: number,
  { tls, profileFolder, say }: MatrixOptions,
): Promise<Running | string> {
  if (tls && contender.tls === "never") return "it has no encrypted form here";
  const site = await Site.open(machine, `${contender.name}-${depth}${tls ? "-tls" : ""}`, {
    tls: tls && contender.tls === "broker",
    environment: profileFolder === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileFolder}` },
  });
  try {
    say(`starting ${contender.name}`);
    const way = await contender.start(site, depth);
    const processes = [{ name: "caller", pid: way.caller.pid }, ...way.others];
    say(`${contender.name} runs: ${processes.map(({ name, pid }) => `${name} ${pid}`).join(", ")}`);
    return { contender, site, way };
  } catch (error) {
    await site.close();
    if (error instanceof NotHere) return error.message;
    throw new Error(`${contender.name} could not be started: ${(error as Error).message}`, { cause: error });
  }
}

async function measureCell(running: readonly Running[], cell: Cell, options: MatrixOptions): Promise<Row[]> {
  const able = running.filter(
    ({ contender }) => cell.payloadBytes <= (contender.maxPayloadBytes ?? Number.POSITIVE_INFINITY),
  );
  const measured = able.map(() => [] as Measurement[]);
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? [...able.keys()] : [...able.keys()].reverse();
    for (const i of order) {
      const one = able[i] as Running;
      const result = await measure(one, cell, options, round === 0 ? options.warmUpMs : options.warmUpMs / 3);
      options.say(line(one.contender.name, cell, round, options.rounds, result));
      measured[i]?.push(result);
    }
  }
  return able.map(({ contender }, i) => combine(contender.name, options.tls, cell, measured[i] ?? []));
}

async function measure(
  { way }: Running,
  cell: Cell,
  { durationMs, signal }: MatrixOptions,
  warmUpMs: number,
): Promise<Measurement> {
  const run: RunOrder = { cell, warmUpMs, durationMs, others: way.others };
  return await orAborted(way.caller.tell<Measurement>(run), signal);
}

function line(name: string, cell: Cell, round: number, rounds: number, result: Measurement): string {
  const { callsPerSecond, p50Ms, cpuMicrosPerCall, failed, firstError } = result;
  const numbers = `${callsPerSecond.toFixed(0)} calls/s, p50 ${p50Ms.toFixed(3)} ms, ${cpuMicrosPerCall.toFixed(1)} us of CPU`;
  const bad = failed === 0 ? "" : `, ${failed} failed (${firstError})`;
  return `${describeCell(cell)}, round ${round + 1} of ${rounds}: ${name} ${numbers}${bad}`;
}

function withoutDoubles(skipped: readonly Skipped[]): Skipped[] {
  return [...new Map(skipped.map((one) => [`${one.contender} ${one.tls}`, one])).values()];
}
