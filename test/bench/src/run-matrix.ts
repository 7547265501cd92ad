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

/** What fails is left out from then on and said so; a call that fails is a number in its row. Rejects if it is aborted. */
export async function runMatrix(machine: Machine, options: MatrixOptions): Promise<MatrixResult> {
  const run = new MatrixRun(machine, options);
  for (const depth of new Set(options.cells.map((cell) => cell.depth))) {
    try {
      await run.start(depth);
      await run.settle(depth);
      for (const cell of options.cells.filter((one) => one.depth === depth)) await run.measureCell(cell);
    } finally {
      await run.end();
    }
  }
  return run.result();
}

class MatrixRun {
  readonly #machine: Machine;
  readonly #options: MatrixOptions;
  readonly #rows: Row[] = [];
  /** By contender: one that is skipped at one depth is at the next for the same reason. */
  readonly #skipped = new Map<string, Skipped>();
  #running: readonly Running[] = [];

  constructor(machine: Machine, options: MatrixOptions) {
    this.#machine = machine;
    this.#options = options;
  }

  async start(depth: number): Promise<void> {
    for (const contender of this.#options.contenders) {
      this.#options.signal.throwIfAborted();
      const started = await this.#startOne(contender, depth);
      if (started !== undefined) this.#running = [...this.#running, started];
    }
    this.#options.say("everybody is ready");
  }

  async #startOne(contender: Contender, depth: number): Promise<Running | undefined> {
    const { tls, profileFolder, say } = this.#options;
    if (tls && contender.tls === "never") return this.#skip(contender, "it has no encrypted form here", false);
    const site = await Site.open(this.#machine, `${contender.name}-${depth}`, {
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
      return this.#skip(contender, (error as Error).message, !(error instanceof NotHere));
    }
  }

  #skip({ name }: Contender, why: string, failed: boolean): undefined {
    this.#options.say(`${name} is left out: ${why}`);
    this.#skipped.set(name, { contender: name, tls: this.#options.tls, why, failed });
  }

  async settle(depth: number): Promise<void> {
    for (const one of this.#running) await this.#measure(one, { ...SETTLING, depth }, this.#options.settleMs, 0);
  }

  async measureCell(cell: Cell): Promise<void> {
    const { rounds, durationMs, warmUpMs, tls, say } = this.#options;
    const measured = new Map<string, Measurement[]>();
    for (let round = 0; round < rounds; round++) {
      const able = this.#running.filter(({ contender }) => canCarry(contender, cell));
      for (const one of round % 2 === 0 ? able : able.toReversed()) {
        const result = await this.#measure(one, cell, durationMs, round === 0 ? warmUpMs : warmUpMs / 3);
        if (result === undefined) continue;
        const { name } = one.contender;
        say(line(name, cell, round, rounds, result));
        measured.set(name, [...(measured.get(name) ?? []), result]);
      }
    }
    for (const { contender } of this.#running) {
      const results = measured.get(contender.name);
      if (results !== undefined) this.#rows.push(combine(contender.name, tls, cell, results));
    }
  }

  /** Undefined: it could not be measured, and has been ended. */
  async #measure(one: Running, cell: Cell, durationMs: number, warmUpMs: number): Promise<Measurement | undefined> {
    const { signal } = this.#options;
    const run: RunOrder = { cell, warmUpMs, durationMs, others: one.way.others };
    try {
      return await orAborted(one.way.caller.tell<Measurement>(run), signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#running = this.#running.filter((other) => other !== one);
      await one.site.close();
      return this.#skip(one.contender, `${describeCell(cell)}: ${(error as Error).message}`, true);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#running.map(async ({ site }) => await site.close()));
    this.#running = [];
  }

  result(): MatrixResult {
    return { rows: this.#rows, skipped: [...this.#skipped.values()] };
  }
}

function canCarry({ maxPayloadBytes = Number.POSITIVE_INFINITY }: Contender, { payloadBytes }: Cell): boolean {
  return payloadBytes <= maxPayloadBytes;
}

function line(name: string, cell: Cell, round: number, rounds: number, result: Measurement): string {
  const { callsPerSecond, p50Ms, cpuMicrosPerCall, failed, firstError } = result;
  const numbers = `${callsPerSecond.toFixed(0)} calls/s, p50 ${p50Ms.toFixed(3)} ms, ${cpuMicrosPerCall.toFixed(1)} us of CPU`;
  const bad = failed === 0 ? "" : `, ${failed} failed (${firstError})`;
  return `${describeCell(cell)}, round ${round + 1} of ${rounds}: ${name} ${numbers}${bad}`;
}
