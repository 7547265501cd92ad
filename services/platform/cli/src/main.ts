// The `malla` command.
import { endWithStub } from "./end-with-stub.ts";
import { runProgram } from "./program.ts";

// Whoever reads our output may stop reading, as `head` does: that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
endWithStub();
process.exitCode = await runProgram(process.argv.slice(2));
// Handles that a verb left open must not keep a finished command.
if (process.stdout.writableLength === 0) process.exit();
process.stdout.once("drain", () => process.exit());
