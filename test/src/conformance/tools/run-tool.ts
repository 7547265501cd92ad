// Runs a program that is not ours and takes down what it says.
import { spawn } from "node:child_process";

export interface ToolResult {
  /** Undefined: there is no such program. */
  readonly code: number | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** Killed after this, in ms. Default 30,000. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;

/** Runs it with the environment of this process and `env` over it. Rejects only when it had to be killed. */
export async function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const { env, cwd, input = "", timeoutMs = TIMEOUT_MS } = options;
  const child = spawn(program, args, { env: { ...process.env, ...env }, ...(cwd === undefined ? {} : { cwd }) });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.on("error", () => undefined).end(input);
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${program} ${args.join(" ")} did not end within ${timeoutMs} ms\n${stdout}${stderr}`));
    }, timeoutMs);
    child.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (error.code === "ENOENT") resolve({ code: undefined, stdout, stderr });
      else reject(error);
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

/** What it wrote to stdout. Throws with everything it said if it failed. */
export async function runWell(program: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runTool(program, args, options);
  if (code === 0) return stdout;
  throw new Error(
    `${program} ${args.join(" ")} ${code === undefined ? "is not there" : `ended with ${code}`}\n${stdout}${stderr}`,
  );
}
