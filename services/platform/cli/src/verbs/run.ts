// `malla run --service orders -- node orders.js`: a program on the mesh, with credentials made on the way.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { credentialsFile, ensureKeys, writeCredentials } from "@malla/broker-config";
import type { Command } from "commander";
import { Failure, misuse } from "../failure.ts";
import { requireHome } from "../home.ts";
import { checkNamespace, type MeshFlags, natsUrl } from "../mesh/session.ts";
import { example, meshFlags } from "./verb.ts";

interface RunFlags extends MeshFlags {
  readonly service: string;
  readonly serviceVersion: string;
}

export function addRun(program: Command): void {
  const command = program
    .command("run")
    .description("run a program as a service: issues development credentials and sets its environment")
    .passThroughOptions()
    .requiredOption("--service <name>", "name of the service")
    .option("--service-version <version>", "version of this instance, semver", process.env["MALLA_VERSION"] ?? "0.0.0")
    .argument("<command...>", "the program and its arguments, after --");
  example(meshFlags(command), "malla run --service orders --service-version 1.2.0 -- node orders.js");
  command.action(async (words: string[], flags: RunFlags) => {
    process.exitCode = await run(words, flags);
  });
}

async function run([program, ...args]: string[], flags: RunFlags): Promise<number> {
  checkNamespace(flags);
  if (program === undefined) throw misuse("a command is expected after --");
  const home = requireHome();
  const path = credentialsFile(home, flags.service);
  if (!existsSync(path)) await writeCredentials(home, { name: flags.service, role: "service" }, await ensureKeys(home));
  const env = {
    ...process.env,
    NATS_URL: natsUrl(flags, home),
    NATS_CREDS: path,
    MALLA_SERVICE: flags.service,
    MALLA_VERSION: flags.serviceVersion,
  };
  return await exitOf(program, spawn(program, args, { env, stdio: "inherit" }));
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
