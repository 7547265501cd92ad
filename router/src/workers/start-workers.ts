// Several routers as one program: workers, and one endpoint for metrics and health.
import { performance } from "node:perf_hooks";
import { type AdminServer, createAdminServer, createLog, type Log } from "@malla/sdk/telemetry";
import type { RouterConfig } from "../config.ts";
import { forkWorker } from "./fork-worker.ts";
import { Supervisor } from "./supervisor.ts";

export interface RunningWorkers {
  /** Ids of the routers, as they are now. */
  readonly routers: () => readonly string[];
  readonly metricsPort: number;
  /** All take nothing new, finish what they carry, end. Safe to call twice. */
  drain(): Promise<void>;
}

/** Starts `config.workers` workers. Rejects with an Error that says what to do; nothing is left running then. */
export async function superviseWorkers(config: RouterConfig): Promise<RunningWorkers> {
  const log = createLog({ level: config.logLevel, format: process.stderr.isTTY ? "pretty" : "json" });
  const { workers, ...options } = config;
  const supervisor = new Supervisor({
    workers,
    options: { ...options, workers: 1 },
    fork: forkWorker,
    log,
    nowMs: () => performance.now(),
  });
  const admin = await createAdminServer({
    host: config.metricsHost,
    port: config.metricsPort,
    metrics: async () => supervisor.metrics(),
    checks: () => supervisor.checks(),
    onError: (error, path) => log.error({ err: error, path }, "metrics or health could not be told"),
  });
  try {
    await supervisor.start();
  } catch (error) {
    await admin.close();
    throw error;
  }
  log.info({ routers: supervisor.routers, metricsPort: admin.port }, "router workers ready");
  return { routers: () => supervisor.routers, metricsPort: admin.port, drain: async () => end(supervisor, admin, log) };
}

async function end(supervisor: Supervisor, admin: AdminServer, log: Log): Promise<void> {
  await supervisor.drain();
  await admin.close();
  log.info({}, "router workers stopped");
  await log.flush();
}
