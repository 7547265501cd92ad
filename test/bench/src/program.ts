// A process of the benchmark: told what to do and answering over a channel. When the channel closes, whoever started it is gone,
// and it ends: nothing outlives the benchmark.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A process that is not ready by then will not be, in ms. */
const READY_MS = 30_000;
/** One that does not end by itself is killed after this, in ms. */
const END_MS = 5_000;
const KEPT_STDERR = 16_384;

export interface Order {
  readonly id: number;
  readonly order: unknown;
}

export interface Answer {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** The first answer of a program has this id: it is ready. */
export const READY = 0;

export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  readonly #ended: Promise<void>;
  #stderr = "";
  #next = READY;
  #stopping = false;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR);
    });
    child.on("message", (message) => this.#settle(message as Answer));
    child.on("error", (error) => this.#fail(error.message));
    this.#ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#fail(`ended with ${code ?? signal}`);
        resolve();
      });
    });
  }

  /** Runs `programs/<name>.ts` and resolves when it is ready, to it and what it said then. */
  static async start<Ready>(
    name: string,
    settings: object,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<{ program: Program; ready: Ready }> {
    const child = fork(fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url)), {
      env: {
        PATH: process.env.PATH ?? "",
        HOME: process.env.HOME ?? "",
        ...environment,
        SETTINGS: JSON.stringify(settings),
      },
      // Our packages as they are built, whatever this process runs them from.
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // Ctrl-C is for us to act on.
      detached: true,
    });
    const program = new Program(name, child);
    const late = setTimeout(() => program.#fail(`was not ready within ${READY_MS} ms`), READY_MS);
    try {
      return { program, ready: (await program.#answer(program.#next++)) as Ready };
    } catch (error) {
      await program.stop();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Resolves to its answer; rejects with what went wrong, or if it ends. */
  async tell<Result>(order: unknown): Promise<Result> {
    const id = this.#next++;
    const answer = this.#answer(id);
    this.#child.send({ id, order } satisfies Order);
    return (await answer) as Result;
  }

  /** Resolves when it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#stopping = true;
    if (this.#child.connected) this.#child.disconnect();
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), END_MS);
    await this.#ended;
    clearTimeout(killer);
  }

  async #answer(id: number): Promise<unknown> {
    return await new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #settle({ id, answer, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(error));
  }

  #fail(what: string): void {
    if (!this.#stopping && this.#stderr !== "") what += `\n${this.#stderr.trimEnd()}`;
    for (const { reject } of this.#waiting.values()) reject(new Error(`${this.#name} (${this.#child.pid}) ${what}`));
    this.#waiting.clear();
  }
}
