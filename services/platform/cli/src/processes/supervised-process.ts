// A child process that is started again when it dies, and that cannot outlive us: its standard input is a pipe we hold, and
// every program of ours ends when that closes, so that even a kill -9 of this process leaves nothing behind.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Waits before the next start, in ms: doubling with each death in a row. */
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;
/** A process that ran this long is considered well: the next death begins anew. */
const WELL_AFTER_MS = 10_000;
/** A process that does not end on SIGTERM is killed after this, in ms. */
const STOP_MS = 15_000;

export interface ProcessSpec {
  readonly name: string;
  /** Arguments for node. */
  readonly args: readonly string[];
  /** Asked for at each start. */
  readonly env: () => Readonly<Record<string, string | undefined>>;
  /** Start again when it dies. */
  readonly restart: boolean;
  readonly onStdout?: (line: string) => void;
  readonly onStderr?: (line: string) => void;
  /** Told of every end that was not asked for. */
  readonly onDeath?: (description: string) => void;
  readonly onStart?: (pid: number) => void;
}

export class SupervisedProcess {
  readonly #spec: ProcessSpec;
  #child: ChildProcess | undefined;
  #stopping = false;
  #deaths = 0;
  #startedAtMs = 0;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(spec: ProcessSpec) {
    this.#spec = spec;
    this.#start();
  }

  get name(): string {
    return this.#spec.name;
  }

  /** 0 while it is down. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  #start(): void {
    const { args, env, onStdout, onStderr, onStart } = this.#spec;
    // A process group of its own: Ctrl-C in the terminal reaches us alone, and we end our children in order.
    const child = spawn(process.execPath, [...args], {
      env: { ...env(), MALLA_PARENT_STDIN: "1" },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    this.#startedAtMs = Date.now();
    child.stdin.on("error", () => undefined);
    readLines(child.stdout, onStdout);
    readLines(child.stderr, onStderr);
    child.once("error", (error) => this.#ended(error.message));
    child.once("exit", (code, signal) =>
      this.#ended(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
    );
    if (child.pid !== undefined) onStart?.(child.pid);
  }

  #ended(description: string): void {
    this.#child = undefined;
    if (this.#stopping) return;
    this.#spec.onDeath?.(description);
    if (!this.#spec.restart) return;
    this.#deaths = Date.now() - this.#startedAtMs > WELL_AFTER_MS ? 1 : this.#deaths + 1;
    const waitMs = Math.min(FIRST_BACKOFF_MS * 2 ** (this.#deaths - 1), MAX_BACKOFF_MS);
    this.#restartTimer = setTimeout(() => this.#start(), waitMs);
  }

  /** SIGTERM, then SIGKILL. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    // The signal alone: a program that also saw its standard input close would take that for a second, impatient one.
    child.kill("SIGTERM");
    const patience = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(patience);
  }
}

function readLines(stream: NodeJS.ReadableStream, onLine: ((line: string) => void) | undefined): void {
  if (onLine === undefined) {
    stream.resume();
    return;
  }
  createInterface({ input: stream }).on("line", onLine);
}
