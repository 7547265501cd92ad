// Runs a program to its end, for its output.
import { spawn } from "node:child_process";

export interface CommandResult {
  /** Undefined if the program could not be started or was ended by the time limit. */
  readonly code: number | undefined;
  readonly output: string;
}

export interface CommandOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const MAX_OUTPUT_CHARACTERS = 64 * 1024;

/** Runs a program without a shell and resolves with both its outputs together; never rejects. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const { timeoutMs, ...rest } = options;
  return await new Promise((resolve) => {
    const child = spawn(program, args, {
      ...rest,
      stdio: ["ignore", "pipe", "pipe"],
      signal: AbortSignal.timeout(timeoutMs),
    });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-MAX_OUTPUT_CHARACTERS);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", (error) => {
      const reason = error.name === "AbortError" ? `did not end within ${timeoutMs / 1000} s` : error.message;
      resolve({ code: undefined, output: `${output}${reason}` });
    });
    child.once("close", (code) => resolve({ code: code ?? undefined, output }));
  });
}
