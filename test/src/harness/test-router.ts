// Routers of a test: in this process, or in one of their own to be killed.
import { fileURLToPath } from "node:url";
import { type RouterOptions, startRouter } from "@malla/router";
import { startProgram } from "./child-program.ts";
import { patiently } from "./patiently.ts";

export interface TestRouter {
  readonly id: string;
  /** Ids of its workers as they were at its start; of a router without any, its own. */
  readonly workers: readonly string[];
  /** Of the process it runs in: of its own, or the test's. */
  readonly pid: number;
  readonly metricsPort: number;
  readonly running: boolean;
  /** What it has logged, a JSON object a line; empty for a router in the test's own process. */
  readonly log: string;
  /** Takes nothing new, finishes what it carries, ends. */
  drain(): Promise<void>;
  /** kill -9; for a router in a process of its own. */
  kill(): Promise<void>;
}

export type TestRouterOptions = Omit<RouterOptions, "servers" | "signer" | "metricsPort">;

export async function routerHere(server: string, signer: string, options: TestRouterOptions): Promise<TestRouter> {
  const all = { logLevel: "silent", ...options, servers: [server], signer, metricsPort: 0 } as const;
  const router = await patiently(async () => await startRouter(all));
  let running = true;
  return {
    id: router.id,
    workers: [router.id],
    pid: process.pid,
    metricsPort: router.metricsPort,
    get running() {
      return running;
    },
    log: "",
    drain: async () => {
      running = false;
      await router.drain();
    },
    kill: async () => {
      throw new Error("this router runs in the test's own process; start it with routerProcesses to kill it");
    },
  };
}

/** Of the options a process takes its workers, log level, tracing and bounds. */
export async function routerProcess(server: string, signer: string, options: TestRouterOptions): Promise<TestRouter> {
  const environment: Record<string, string> = {
    NATS_URL: server,
    MALLA_ROUTER_SIGNER: signer,
    MALLA_METRICS_PORT: "0",
    MALLA_LOG_LEVEL: options.logLevel ?? "warn",
    MALLA_READY_LINE: "1",
    MALLA_PARENT_STDIN: "1",
  };
  if (options.workers !== undefined) environment.MALLA_ROUTER_WORKERS = String(options.workers);
  if (options.otlpEndpoint !== undefined) environment.OTEL_EXPORTER_OTLP_ENDPOINT = options.otlpEndpoint;
  if (options.traceRatio !== undefined) environment.MALLA_TRACE_RATIO = String(options.traceRatio);
  if (options.maxInFlightPerPrincipal !== undefined)
    environment.MALLA_ROUTER_MAX_IN_FLIGHT_PER_PRINCIPAL = String(options.maxInFlightPerPrincipal);
  const child = await patiently(
    async () =>
      await startProgram<{ router: string; routers: readonly string[]; metricsPort: number }>(
        routerMain(),
        environment,
      ),
  );
  return {
    id: child.ready.router,
    workers: child.ready.routers,
    pid: child.pid,
    metricsPort: child.ready.metricsPort,
    get running() {
      return child.running;
    },
    get log() {
      return child.stderr;
    },
    drain: async () => {
      const { code, signal } = await child.end("SIGTERM");
      if (code !== 0) throw new Error(`the router ended with ${code ?? signal}:\n${child.stderr}`);
    },
    kill: async () => void (await child.end("SIGKILL")),
  };
}

/** The router's program beside the module this process has loaded: source with source, built with built. */
function routerMain(): string {
  const index = import.meta.resolve("@malla/router");
  return fileURLToPath(new URL(index.endsWith(".ts") ? "main.ts" : "main.js", index));
}
