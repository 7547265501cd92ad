// A short command of the system, run to its end.
import { execFile } from "node:child_process";

/** What it wrote to stdout; rejects with what it wrote to stderr. */
export async function runCommand(program: string, args: readonly string[]): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile(program, args, { encoding: "utf8" }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(" ")}: ${stderr.trim() || error.message}`, { cause: error }));
    });
  });
}
