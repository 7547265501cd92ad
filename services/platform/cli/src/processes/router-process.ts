// A router as a child of ours.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "../failure.ts";
import { readJsonLine } from "./read-json-line.ts";
import { SupervisedProcess } from "./supervised-process.ts";

/** As the router package starts its workers: less of a young generation that is mostly empty. */
const MEMORY_FLAG = "--max-semi-space-size=4";
/** How long a router may take to carry calls, in ms. */
const READY_MS = 60_000;

export interface RouterOptions {
  readonly name: string;
  readonly home: string;
  readonly natsUrl: string;
  /** Path of router.signer.json. */
  readonly signer: string;
  /** 0: any free port, which it then keeps however often it is started again. */
  readonly metricsPort: number;
  /** Workers, or `auto`; undefined: as the environment says. */
  readonly workers?: string | undefined;
  readonly logLevel: string;
  readonly say: (line: string) => void;
  readonly log: (name: string, line: string) => void;
}

export interface RouterProcess {
  readonly child: SupervisedProcess;
  /** Resolves when it carries calls; rejects with what it said if it cannot. */
  readonly ready: Promise<void>;
  readonly metricsPort: () => number;
}

export function startRouterProcess(options: RouterOptions): RouterProcess {
  const { name, home, natsUrl, signer, logLevel, say, log } = options;
  let settle: { resolve: () => void; reject: (error: Error) => void } | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
    const late = new Failure(`${name} was not ready within ${READY_MS / 1000} s; its log above says why`);
    setTimeout(() => reject(late), READY_MS).unref();
  });
  // Whoever started several waits for all of them and hears of the first that fails.
  ready.catch(() => undefined);
  let metricsPort = options.metricsPort;
  let isReady = false;
  const child = new SupervisedProcess({
    name,
    args: [MEMORY_FLAG, fileURLToPath(import.meta.resolve("@malla/router/main"))],
    env: () => ({
      ...process.env,
      NATS_URL: natsUrl,
      MALLA_ROUTER_SIGNER: signer,
      MALLA_METRICS_PORT: String(metricsPort),
      MALLA_POLICY_CACHE: join(home, "cache", `${name}.policy`),
      MALLA_LOG_LEVEL: logLevel,
      ...(options.workers === undefined ? {} : { MALLA_ROUTER_WORKERS: options.workers }),
      MALLA_READY_LINE: "1",
    }),
    restart: true,
    onStdout: (line) => {
      const said = readJsonLine<{ metricsPort: number }>(line);
      if (said.metricsPort === undefined) return;
      metricsPort = said.metricsPort;
      isReady = true;
      settle?.resolve();
    },
    onStderr: (line) => {
      log(name, line);
      // What ends a router before it was ever ready will end it again: a taken port, wrong credentials.
      if (!isReady && !line.startsWith("{")) settle?.reject(new Failure(line));
    },
    onDeath: (how) => say(`${name} ${how}; starting it again`),
  });
  return { child, ready, metricsPort: () => metricsPort };
}
