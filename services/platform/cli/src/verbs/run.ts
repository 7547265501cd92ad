// `malla run --service orders -- node orders.js`: a program on the mesh, with credentials made on the way.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { credentialsFile, ensureKeys, writeCredentials } from "@malla/broker-config";
import {
  type CredentialRole,
  type Credentials,
  isIssuableName,
  isServiceName,
  readCredentials,
} from "@malla/sdk/contract";
import type { Command } from "commander";
import { Failure, misuse } from "../failure.ts";
import { requireHome } from "../home.ts";
import { checkNamespace, type MeshFlags, natsUrl } from "../mesh/session.ts";
import { collect, example, meshFlags } from "./verb.ts";

interface RunFlags extends MeshFlags {
  readonly service: string;
  readonly serviceVersion: string;
  readonly direct: readonly string[];
}

/** What a service may be; `micro` has none of our code. */
const RUN_AS: readonly CredentialRole[] = ["service", "direct", "micro"];

export function addRun(program: Command): void {
  const command = program
    .command("run")
    .description("run a program as a service: issues development credentials and sets its environment")
    .passThroughOptions()
    .requiredOption("--service <name>", "name of the service")
    .option("--service-version <version>", "version of this instance, semver", process.env["MALLA_VERSION"] ?? "0.0.0")
    .option(
      "--direct <service>",
      "a service that it may call past the routers; may be given several times",
      collect,
      [] as string[],
    )
    .argument("<command...>", "the program and its arguments, after --");
  example(meshFlags(command), "malla run --service orders --service-version 1.2.0 -- node orders.js");
  command.action(async (words: string[], flags: RunFlags) => {
    process.exitCode = await run(words, flags);
  });
}

async function run([program, ...args]: string[], flags: RunFlags): Promise<number> {
  checkNamespace(flags);
  if (program === undefined) throw misuse("a command is expected after --");
  checkService(flags.service);
  const home = requireHome();
  const path = await credentialsOf(home, flags);
  const env = {
    ...process.env,
    NATS_URL: natsUrl(flags, home),
    NATS_CREDS: path,
    MALLA_SERVICE: flags.service,
    MALLA_VERSION: flags.serviceVersion,
  };
  return await exitOf(program, spawn(program, args, { env, stdio: "inherit" }));
}

/** A role's own name is refused too: its credentials lie in the home, and are not for the program of a service. */
export function checkService(name: string): void {
  if (isIssuableName(name, "service")) return;
  const why = isServiceName(name) ? "the name is reserved" : "a DNS label in lower case is expected";
  throw misuse(`--service ${JSON.stringify(name)}: ${why}`);
}

/** Path of its credentials. They are issued if there are none, or none that still hold and name all of `--direct`. */
export async function credentialsOf(
  home: string,
  { service, direct }: Pick<RunFlags, "service" | "direct">,
  nowMs = Date.now(),
): Promise<string> {
  const path = credentialsFile(home, service);
  if (existsSync(path) && suffice(readCredentials(readFileSync(path, "utf8"), path), path, direct, nowMs)) return path;
  const role = direct.length === 0 ? ({ role: "service" } as const) : ({ role: "direct", directTo: direct } as const);
  return await writeCredentials(home, { name: service, ...role }, await ensureKeys(home));
}

/** Throws where they are somebody's for something else, which new ones would write over. */
function suffice(
  { role, directTo, expiresAtMs = Infinity }: Credentials,
  path: string,
  direct: readonly string[],
  nowMs: number,
): boolean {
  if (role !== undefined && !RUN_AS.includes(role)) {
    throw new Failure(`${path} holds credentials of role ${role}, which no service runs with; put them elsewhere`);
  }
  return expiresAtMs > nowMs && direct.every((target) => directTo.includes(target));
}

/** The exit code of a child, as shells report it. Signals we get are passed on. */
async function exitOf(program: string, child: ChildProcess): Promise<number> {
  // A terminal sends Ctrl-C to the child itself; without one it comes to us alone.
  const passed: NodeJS.Signals[] = process.stdin.isTTY ? ["SIGTERM", "SIGHUP"] : ["SIGTERM", "SIGHUP", "SIGINT"];
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  const ignore = (): void => undefined;
  for (const signal of passed) process.on(signal, pass);
  process.on("SIGINT", ignore);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) => {
        const isMissing = error.code === "ENOENT";
        reject(
          new Failure(isMissing ? `there is no program ${program}` : `${program} does not start: ${error.message}`),
        );
      });
      child.once("exit", (code, signal) => {
        resolve(signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0));
      });
    });
  } finally {
    for (const signal of passed) process.off(signal, pass);
    process.off("SIGINT", ignore);
  }
}
