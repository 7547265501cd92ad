// The `malla` command.
import { runProgram } from "./program.ts";

process.exitCode = await runProgram(process.argv.slice(2));
// Handles that a verb left open must not keep a finished command.
if (process.stdout.writableLength === 0) process.exit();
process.stdout.once("drain", () => process.exit());
