// The command: its verbs in the order people meet them.
import { Command, CommanderError } from "commander";
import { describeFailure } from "./failure.ts";
import { addApply } from "./verbs/apply.ts";
import { addBackup } from "./verbs/backup.ts";
import { addBench } from "./verbs/bench.ts";
import { addCall } from "./verbs/call.ts";
import { addCheck } from "./verbs/check.ts";
import { addCompletion } from "./verbs/completion.ts";
import { addCredentials } from "./verbs/credentials.ts";
import { addDelete } from "./verbs/delete.ts";
import { addDescribe } from "./verbs/describe.ts";
import { addDiff } from "./verbs/diff.ts";
import { addGenerate } from "./verbs/generate.ts";
import { addGet } from "./verbs/get.ts";
import { addInit } from "./verbs/init.ts";
import { addRestore } from "./verbs/restore.ts";
import { addRollback } from "./verbs/rollback.ts";
import { addRouter } from "./verbs/router.ts";
import { addRun } from "./verbs/run.ts";
import { addServices } from "./verbs/services.ts";
import { addStart } from "./verbs/start.ts";
import { addUp } from "./verbs/up.ts";
import { addVersion, ownVersion } from "./verbs/version.ts";

const VERBS = [
  addUp,
  addStart,
  addRun,
  addRouter,
  addCheck,
  addServices,
  addCall,
  addBench,
  addApply,
  addGet,
  addDescribe,
  addDiff,
  addDelete,
  addRollback,
  addBackup,
  addRestore,
  addCredentials,
  addGenerate,
  addInit,
  addCompletion,
  addVersion,
] as const;

export function createProgram(): Command {
  const program = new Command("malla")
    .description("Malla: a service mesh without sidecars, on NATS")
    .version(ownVersion(), "-V, --version")
    .exitOverride()
    .showHelpAfterError("(--help says how it is used)")
    .enablePositionalOptions();
  for (const add of VERBS) add(program);
  for (const verb of program.commands) {
    verb.exitOverride();
    for (const sub of verb.commands) sub.exitOverride();
  }
  return program;
}

/** Runs the command line and returns the exit code: 0, 1 (the thing failed) or 2 (used wrongly). */
export async function runProgram(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync([...argv], { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : 0;
  } catch (thrown) {
    // Commander has said already what is wrong, or printed the help that was asked for.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 || argv.length === 0 ? 0 : 2;
    const { text, exitCode } = describeFailure(thrown, process.env["MALLA_DEBUG"] !== undefined);
    process.stderr.write(`malla: ${text}\n`);
    return exitCode;
  }
}
