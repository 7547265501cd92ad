// The `malla` command.
import { endWithStub } from "./end-with-stub.ts";
import { runProgram } from "./program.ts";

// Whoever reads our output may stop reading, as `head` does: that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  if (!isGone(error)) throw error;
});
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (!isGone(error)) throw error;
});
endWithStub();
process.exitCode = await runProgram(process.argv.slice(2));
// Handles that a verb left open must not keep a finished command.
if (process.stdout.writableLength === 0) process.exit();
process.stdout.once("drain", () => process.exit());

/** Nobody listens any more: the pipe or the terminal is closed. The hang-up itself comes as a signal. */
function isGone({ code }: NodeJS.ErrnoException): boolean {
  return code === "EPIPE" || code === "EIO";
}
