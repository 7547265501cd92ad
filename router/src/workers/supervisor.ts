// Keeps router workers running: starts them, starts again what dies, drains them all. It carries no call itself, so that nothing a
// call does can stop it from answering for them.

import { type HealthCheck, type Logger, metricsCatalogue } from "@malla/sdk/telemetry";
import type { RouterOptions } from "../config.ts";
import type { WorkerEvents, WorkerProcess } from "./fork-worker.ts";
import { type FromWorker, HEALTH_MS } from "./worker-messages.ts";
import { WorkerMetrics } from "./worker-metrics.ts";

/** Waits before a worker is started again, in ms: doubling with each death in a row. */
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;
/** A worker that ran this long was well: its next death begins anew. */
const WELL_AFTER_MS = 10_000;
/** A worker that has said nothing for so long does not answer, in ms: a router whose loop stands still loses its connection then. */
export const SILENT_MS = HEALTH_MS * 6;
/** A worker that has not ended so long after it was told to is killed, in ms: a router drains for 30 s at most. */
export const STOP_MS = 35_000;

export interface SupervisorOptions {
  readonly workers: number;
  /** What each worker is started with. */
  readonly options: RouterOptions;
  readonly fork: (events: WorkerEvents) => WorkerProcess;
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** One place for a worker, whoever has it just now. */
interface Slot {
  readonly number: number;
  process: WorkerProcess | undefined;
  /** Names one process among all there have been. */
  generation: number;
  router: string;
  startedAtMs: number;
  heardAtMs: number;
  checks: readonly HealthCheck[] | undefined;
  deaths: number;
  restart: NodeJS.Timeout | undefined;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #slots: readonly Slot[];
  readonly #metrics: WorkerMetrics;
  #generations = 0;
  #restarts = 0;
  #started: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  #draining: Promise<void> | undefined;
  #onEmpty: () => void = () => undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.workers }, (_, i) => emptySlot(i + 1));
    this.#metrics = new WorkerMetrics((worker, ask) =>
      this.#byGeneration(worker)?.process?.send({ type: "metrics", ask }),
    );
  }

  /**
   * Resolves when every worker carries calls. Rejects with what the first one said that could not start, once all have ended: what
   * ends one that was never ready ends the next too.
   */
  async start(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#started = { resolve, reject };
        for (const slot of this.#slots) this.#fork(slot);
      });
    } catch (error) {
      await this.drain();
      throw error;
    } finally {
      this.#started = undefined;
    }
  }

  /** Ids of the routers that run, in the order of the workers. */
  get routers(): readonly string[] {
    return this.#slots.flatMap(({ router }) => (router === "" ? [] : [router]));
  }

  get pids(): readonly number[] {
    return this.#slots.flatMap((slot) => (slot.process === undefined ? [] : [slot.process.pid]));
  }

  /**
   * Alive as long as one worker is not silent, for there is no other way than a new start out of it; ready as long as one carries
   * calls, for callers go to that one.
   */
  checks(): readonly HealthCheck[] {
    const now = this.#options.nowMs();
    const problems = this.#slots.map((slot) => this.#problem(slot, now));
    const why = problems
      .flatMap((problem, i) => (problem === undefined ? [] : [`worker ${i + 1} ${problem}`]))
      .join("; ");
    const isHeard = this.#slots.some((slot) => slot.process === undefined || !this.#isSilent(slot, now));
    return [
      { name: "workers alive", ok: isHeard, why: "no worker answers", live: true },
      { name: "a worker ready", ok: problems.includes(undefined), why },
      { name: "draining", ok: this.#draining === undefined, why: "this router is draining" },
    ];
  }

  async metrics(): Promise<string> {
    const running = this.#slots.filter((slot) => slot.router !== "" && slot.process !== undefined);
    const text = await this.#metrics.collect(running.map(({ generation }) => generation));
    const now = this.#options.nowMs();
    const ready = this.#slots.filter((slot) => this.#problem(slot, now) === undefined).length;
    return `${text}${workerMetrics(this.#slots.length, ready, this.#restarts)}`;
  }

  /** Every worker finishes what it carries and ends. Safe to call twice. */
  async drain(): Promise<void> {
    this.#draining ??= this.#drain();
    await this.#draining;
  }

  async #drain(): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const slot of this.#slots) {
      clearTimeout(slot.restart);
      slot.process?.send({ type: "drain" });
    }
    const patience = setTimeout(() => this.#killAll(), STOP_MS);
    if (this.#isEmpty()) this.#onEmpty();
    await empty;
    clearTimeout(patience);
  }

  #killAll(): void {
    for (const { process, number } of this.#slots) {
      if (process === undefined) continue;
      this.#options.log.error({ worker: number, pid: process.pid }, "a worker does not end; it is killed");
      process.kill("SIGKILL");
    }
  }

  #isEmpty(): boolean {
    return this.#slots.every(({ process }) => process === undefined);
  }

  #fork(slot: Slot): void {
    const generation = ++this.#generations;
    slot.generation = generation;
    slot.startedAtMs = this.#options.nowMs();
    slot.heardAtMs = slot.startedAtMs;
    slot.checks = undefined;
    slot.process = this.#options.fork({
      onMessage: (message) => {
        if (slot.generation === generation) this.#heard(slot, message);
      },
      onEnd: (how) => {
        if (slot.generation === generation) this.#ended(slot, how);
      },
    });
    slot.process.send({ type: "start", options: this.#options.options });
  }

  #heard(slot: Slot, message: FromWorker): void {
    slot.heardAtMs = this.#options.nowMs();
    switch (message.type) {
      case "ready":
        slot.router = message.router;
        if (this.#slots.every(({ router }) => router !== "")) this.#started?.resolve();
        return;
      case "failed":
        // The first time whoever started us says it.
        if (this.#started !== undefined) this.#started.reject(new Error(message.message));
        else this.#options.log.error({ worker: slot.number, problem: message.message }, "a worker could not start");
        return;
      case "health":
        slot.checks = message.checks;
        return;
      case "metrics":
        this.#metrics.answered(slot.generation, message.ask, message.text);
        return;
    }
  }

  #ended(slot: Slot, how: string): void {
    const { process, router } = slot;
    this.#metrics.retire(slot.generation);
    slot.process = undefined;
    slot.router = "";
    slot.checks = undefined;
    if (this.#draining !== undefined) {
      if (this.#isEmpty()) this.#onEmpty();
      return;
    }
    if (this.#started !== undefined) {
      this.#started.reject(new Error(`worker ${slot.number} ${how} before it carried calls; its log above says why`));
      return;
    }
    const lived = this.#options.nowMs() - slot.startedAtMs;
    slot.deaths = lived > WELL_AFTER_MS ? 1 : slot.deaths + 1;
    const waitMs = Math.min(FIRST_BACKOFF_MS * 2 ** (slot.deaths - 1), MAX_BACKOFF_MS);
    this.#restarts++;
    this.#options.log.warn(
      { worker: slot.number, router, pid: process?.pid, waitMs },
      `worker ${slot.number} ${how}; starting it again`,
    );
    slot.restart = setTimeout(() => this.#fork(slot), waitMs);
  }

  #byGeneration(generation: number): Slot | undefined {
    return this.#slots.find((slot) => slot.generation === generation);
  }

  #isSilent({ heardAtMs, router }: Slot, now: number): boolean {
    return router !== "" && now - heardAtMs > SILENT_MS;
  }

  /** Why a worker takes no calls; undefined if it does. */
  #problem(slot: Slot, now: number): string | undefined {
    if (slot.process === undefined) return "is started again soon";
    if (slot.router === "" || slot.checks === undefined) return "starts";
    if (this.#isSilent(slot, now)) return "does not answer";
    const failing = slot.checks.find(({ ok }) => !ok);
    return failing === undefined ? undefined : (failing.why ?? failing.name);
  }
}

function emptySlot(number: number): Slot {
  return {
    number,
    process: undefined,
    generation: 0,
    router: "",
    startedAtMs: 0,
    heardAtMs: 0,
    checks: undefined,
    deaths: 0,
    restart: undefined,
  };
}

function workerMetrics(all: number, ready: number, restarts: number): string {
  const { routerWorkers, routerWorkerRestarts } = metricsCatalogue;
  return [
    `# HELP ${routerWorkers.name} ${routerWorkers.help}`,
    `# TYPE ${routerWorkers.name} ${routerWorkers.type}`,
    `${routerWorkers.name}{state="ready"} ${ready}`,
    `${routerWorkers.name}{state="not-ready"} ${all - ready}`,
    "",
    `# HELP ${routerWorkerRestarts.name} ${routerWorkerRestarts.help}`,
    `# TYPE ${routerWorkerRestarts.name} ${routerWorkerRestarts.type}`,
    `${routerWorkerRestarts.name} ${restarts}`,
    "",
  ].join("\n");
}
