// `malla up`: broker and routers in the foreground.
import type { Command } from "commander";
import { misuse } from "../failure.ts";
import { findHome } from "../home.ts";
import { readableLog } from "../print/readable-log.ts";
import { type MeshProcesses, startMesh } from "../processes/mesh-processes.ts";
import { SERVER_COUNTS, type ServerCount } from "../processes/server-plan.ts";
import { example } from "./verb.ts";

export interface UpFlags {
  readonly servers?: string;
  readonly port?: string;
  readonly metricsPort?: string;
  readonly routers?: string;
  readonly workers?: string;
  readonly logLevel?: string;
}

export function addUp(program: Command): void {
  const command = program
    .command("up")
    .description("start a broker and routers on this machine, in the foreground; Ctrl-C ends them");
  example(upFlags(command, "1"), "malla up --routers 2");
  command.action(async (flags: UpFlags) => {
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    const mesh = await startMesh({
      ...meshOptions(flags),
      say,
      log: (name, line) => say(`[${name}] ${readableLog(line)}`),
    });
    const stopped = untilSignal();
    process.stdout.write(whatNext(mesh));
    await stopped;
    say("stopping");
    await mesh.stop();
  });
}

export function upFlags(command: Command, routers: string): Command {
  return command
    .option(
      "--servers <count>",
      `nats-servers of the broker, a cluster of ${SERVER_COUNTS.slice(1).join(" or ")} survives losing one (default: as many as before, else 1)`,
    )
    .option(
      "--port <port>",
      "port of the first server; the next have the ports after it; -1: any (default: MALLA_NATS_PORT, else 4222)",
    )
    .option(
      "--metrics-port <port>",
      "port of the first router's metrics; the next have the ports after it; 0: any (default: MALLA_METRICS_PORT, else 9464)",
    )
    .option("--routers <count>", "routers to run", routers)
    .option(
      "--workers <count>",
      "processes of each router that carry calls; auto: one a core (default: MALLA_ROUTER_WORKERS, else 1)",
    )
    .option("--log-level <level>", "debug, info, warn, error or silent", process.env["MALLA_LOG_LEVEL"] ?? "warn");
}

export function meshOptions(flags: UpFlags): {
  home: string;
  servers: ServerCount | undefined;
  port: number;
  metricsPort: number;
  routers: number;
  workers: string | undefined;
  logLevel: string;
} {
  return {
    home: findHome(process.cwd(), process.env),
    servers: serverCount(flags.servers),
    port: wholeNumber("--port", flags.port ?? process.env["MALLA_NATS_PORT"] ?? "4222", 65_535, -1),
    metricsPort: wholeNumber(
      "--metrics-port",
      flags.metricsPort ?? process.env["MALLA_METRICS_PORT"] ?? "9464",
      65_535,
      0,
    ),
    routers: wholeNumber("--routers", flags.routers ?? "1", 64, 1),
    workers: workersOf(flags.workers),
    logLevel: flags.logLevel ?? "warn",
  };
}

function serverCount(given: string | undefined): ServerCount | undefined {
  if (given === undefined) return undefined;
  const count = SERVER_COUNTS.find((one) => String(one) === given);
  if (count === undefined) throw misuse(`--servers ${given}: one of ${SERVER_COUNTS.join(", ")} is expected`);
  return count;
}

/** As the routers' environment says it; undefined: as ours does. */
function workersOf(given: string | undefined): string | undefined {
  return given === undefined || given === "auto" ? given : String(wholeNumber("--workers", given, 64, 1));
}

export function wholeNumber(flag: string, text: string, max: number, min: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw misuse(`${flag} ${text}: a whole number from ${min} to ${max} is expected`);
  return value;
}

function whatNext({ natsUrl, routers }: MeshProcesses): string {
  const servers = natsUrl.split(",");
  const broker =
    servers.length === 1 ? `broker at ${natsUrl}` : `a broker of ${servers.length} at ${servers.join(", ")}`;
  return [
    "",
    `The mesh is up: ${broker}, ${routers.length === 1 ? "one router" : `${routers.length} routers`}, metrics at http://127.0.0.1:${routers[0]?.metricsPort() ?? 0}/metrics`,
    "In another terminal:",
    "  malla run --service greeter -- node greeter.js    serve something (malla init makes a starter)",
    "  malla call greeter hello '{}'                     call it",
    "  malla services                                    see who is there",
    "  malla check                                       see whether all is well",
    "Ctrl-C stops it.",
    "",
  ].join("\n");
}

/** Resolves on the first SIGINT, SIGTERM or SIGHUP; a second one ends the process as usual. */
export async function untilSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
}
