// The `malla` command as a user runs it: the compiled program, in a folder and with a home of its own.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const MAIN = join(ROOT, "services/platform/cli/dist/main.js");
/** Nothing a verb does takes longer, in ms. */
const VERB_MS = 30_000;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LongRunning {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves when the output holds the text; rejects when the process ends or the time passes before. */
  readonly until: (text: string | RegExp, timeoutMs?: number) => Promise<void>;
  readonly ended: Promise<Outcome>;
}

/** A working folder with a mesh home in it, removed at the end. */
export class CommandLine {
  readonly folder = mkdtempSync(join(tmpdir(), "malla-e2e-"));
  readonly #running: LongRunning[] = [];
  /** The environment of a user: nothing of the test run's own mesh. */
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: Readonly<Record<string, string>> = {}) {
    const own = { MALLA_HOME: join(this.folder, ".malla"), NO_COLOR: "1", NATS_URL: undefined, NATS_CREDS: undefined };
    this.#env = { ...process.env, ...own, ...env };
  }

  /** Runs a verb to its end. */
  run(args: readonly string[], input = ""): Outcome {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: this.#env,
      input,
      encoding: "utf8",
      timeout: VERB_MS,
    });
    return { code: status, stdout, stderr };
  }

  /** Starts something that goes on. */
  start(args: readonly string[]): LongRunning {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    const listeners = new Set<() => void>();
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      for (const listener of listeners) listener();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      for (const listener of listeners) listener();
    });
    const ended = new Promise<Outcome>((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
    const output = (): string => stdout + stderr;
    const until = async (text: string | RegExp, timeoutMs = 60_000): Promise<void> => {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${String(text)} did not appear within ${timeoutMs} ms in:\n${output()}`)),
          timeoutMs,
        );
        const look = (): void => {
          if (typeof text === "string" ? !output().includes(text) : !text.test(output())) return;
          clearTimeout(timer);
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        void ended.then(() => {
          look();
          clearTimeout(timer);
          reject(new Error(`the process ended before ${String(text)} appeared:\n${output()}`));
        });
        look();
      });
    };
    const running = { child, output, until, ended };
    this.#running.push(running);
    return running;
  }

  /** Ends what still runs, and removes the folder. */
  async close(): Promise<void> {
    for (const { child, ended } of this.#running.toReversed()) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
