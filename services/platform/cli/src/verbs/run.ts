// `malla run --service orders -- node orders.js`: a program on the mesh, with credentials made on the way.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
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
  const child = spawn(program, args, { env, stdio: "inherit" });
  // The terminal sends Ctrl-C to the child itself; other signals come to us alone.
  const ignore = (): void => undefined;
  const pass = (): void => void child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) => {
        reject(
          new Failure(
            error.code === "ENOENT"
              ? `there is no program ${program}`
              : `${program} could not be started: ${error.message}`,
          ),
        );
      });
      child.once("exit", (code, signal) =>
        resolve(signal === null ? (code ?? 1) : 128 + (SIGNAL_NUMBERS[signal] ?? 0)),
      );
    });
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", pass);
  }
}

/** As shells report the death by a signal. */
const SIGNAL_NUMBERS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};
