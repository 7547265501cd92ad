// One step of getting a program: a command that may take minutes, and says that it is still at work.
import { runGroup } from "../../runner/process-group.ts";

const BOUND_MS = 1_200_000;
const HEARTBEAT_MS = 10_000;
const KEPT_CHARS = 8_000;

export interface BuildOptions {
  /** Told what goes on, a line at a time. */
  readonly progress: (line: string) => void;
  /** Ends what runs, with all it has started. */
  readonly signal: AbortSignal;
}

export interface BuildStep {
  /** What is being done, for people. */
  readonly title: string;
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs it to its end and resolves to what it wrote to stdout. Rejects with the end of all it wrote if it failed. */
export async function runStep(step: BuildStep, { progress, signal }: BuildOptions): Promise<string> {
  signal.throwIfAborted();
  const began = performance.now();
  const report = (): void => progress(`${step.title}: ${Math.round((performance.now() - began) / 1000)} s`);
  progress(step.title);
  const heartbeat = setInterval(report, HEARTBEAT_MS);
  let stdout = "";
  let output = "";
  const add = (text: string): void => {
    output = (output + text).slice(-KEPT_CHARS);
  };
  const ended = await runGroup(step.command, {
    cwd: step.cwd,
    boundMs: BOUND_MS,
    environment: step.environment ?? {},
    signal,
    onStdout: (text) => {
      stdout += text;
      add(text);
    },
    onStderr: add,
  });
  clearInterval(heartbeat);
  signal.throwIfAborted();
  if (ended.code === 0) return stdout;
  const reason = ended.overran ? `took longer than ${BOUND_MS / 60_000} min` : `ended with ${ended.code ?? "a signal"}`;
  throw new Error(`${step.title}: \`${step.command.join(" ")}\` ${reason}\n${output.trim()}`);
}
