#!/usr/bin/env node
// A router as a process of its own: configuration from the environment, drain on SIGTERM and SIGINT.
import { loadRouterConfig, type RouterConfig } from "./config.ts";
import { startRouter } from "./lifecycle.ts";
import { superviseWorkers } from "./workers/start-workers.ts";

interface Running {
  readonly routers: readonly string[];
  readonly metricsPort: number;
  drain(): Promise<void>;
}

async function start(config: RouterConfig): Promise<Running> {
  if (config.workers === 1) {
    const router = await startRouter(config);
    return { routers: [router.id], metricsPort: router.metricsPort, drain: router.drain };
  }
  const workers = await superviseWorkers(config);
  return { routers: workers.routers(), metricsPort: workers.metricsPort, drain: workers.drain };
}

try {
  const running = await start(loadRouterConfig({}, process.env));
  const stop = (): void => {
    void running.drain().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  // For whoever waits until calls are carried, and for the port when any free one was asked for.
  if (process.env["MALLA_READY_LINE"] === "1") {
    const { routers, metricsPort } = running;
    process.stdout.write(`${JSON.stringify({ router: routers[0], routers, metricsPort })}\n`);
  }
  // Whoever started this process as a part of something larger holds its standard input: when that closes, all is over.
  if (process.env["MALLA_PARENT_STDIN"] === "1") process.stdin.on("end", stop).resume();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
