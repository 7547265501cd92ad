// A program of the mesh as a process of its own, for tests that kill: it says when it is ready, and never outlives us.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

const READY_TIMEOUT_MS = 20_000;
/** Of what it wrote to stderr, for whoever reads its log. */
const KEPT_STDERR_BYTES = 4 * 1024 * 1024;

export interface ChildProgram<Ready> {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly ready: Ready;
  readonly running: boolean;
  /** What it wrote to stderr last. */
  readonly stderr: string;
  /** Resolves when it has ended, whatever ended it. */
  readonly ended: Promise<ProgramEnd>;
  /** Writes a line to its standard input; to one that has ended, nothing. */
  tell(line: string): void;
  /** Sends a signal and resolves to what it ended by, when it has ended. */
  end(signal: NodeJS.Signals): Promise<ProgramEnd>;
}

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  /** Our packages as built, which start in half the time, whatever this process runs them from. */
  readonly built?: boolean;
  /** Further flags of Node. */
  readonly flags?: readonly string[];
  /** What stands before the program and its arguments: it must become that program, not start it. */
  readonly within?: readonly string[];
}

/**
 * Runs a module with the Node and conditions of this process. The first line it writes to stdout must be JSON: it is ready
 * then. Its standard input is ours: when this process dies, it ends.
 */
export async function startProgram<Ready>(
  module: string,
  environment: Readonly<Record<string, string>>,
  { built = false, flags = [], within = [] }: ProgramOptions = {},
): Promise<ChildProgram<Ready>> {
  const conditions = built ? [] : process.execArgv.filter((argument) => argument.startsWith("--conditions"));
  const [program, ...args] = [...within, process.execPath, ...conditions, ...flags, module];
  const child = spawn(program as string, args, {
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-KEPT_STDERR_BYTES);
  });
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  let ready: Ready;
  try {
    ready = JSON.parse(await firstLine(child)) as Ready;
  } catch (error) {
    child.kill("SIGKILL");
    await ended;
    throw new Error(`${module} did not start: ${(error as Error).message}\n${stderr}`, { cause: error });
  }
  return {
    pid: child.pid as number,
    ready,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    get stderr() {
      return stderr;
    },
    ended,
    tell: (line) => void child.stdin.write(`${line}\n`),
    end: async (signal) => {
      child.kill(signal);
      return await ended;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`it was not ready within ${READY_TIMEOUT_MS} ms`)),
      READY_TIMEOUT_MS,
    );
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`it ended with ${code ?? signal}`)));
    lines.once("line", resolve);
    const stop = (): void => clearTimeout(timer);
    lines.once("line", stop);
    child.once("exit", stop);
  });
}
