// Sees what a loop without end makes impossible to see from within: a thread beside ours that is told every input, and ends
// the process with the input in its last words when one has not been left for too long.
import { Worker } from "node:worker_threads";
import { printInput } from "./input-text.ts";
import type { Input } from "./target.ts";

/** An input that is not left within this, in ms, hangs. Far above every bound a target has, since the machine may be busy. */
const HANG_MS = 60_000;
/** Longest input that can be told, as text. */
const MAX_TOLD_CHARS = 4 * 1024 * 1024;

/** What the thread is given. Words: how many inputs were begun, whether one is running, how long its text is. */
export interface WatchdogData {
  readonly words: SharedArrayBuffer;
  readonly text: SharedArrayBuffer;
  readonly hangMs: number;
}

export const WORD = { begun: 0, running: 1, length: 2 } as const;

export class Watchdog {
  readonly #words = new Int32Array(new SharedArrayBuffer(12));
  readonly #text = new Uint8Array(new SharedArrayBuffer(MAX_TOLD_CHARS));
  readonly #worker: Worker;

  constructor(hangMs = HANG_MS) {
    const workerData: WatchdogData = {
      words: this.#words.buffer as SharedArrayBuffer,
      text: this.#text.buffer as SharedArrayBuffer,
      hangMs,
    };
    this.#worker = new Worker(new URL("./watchdog-thread.ts", import.meta.url), { workerData, execArgv: [] });
    this.#worker.unref();
  }

  /** Tells what runs now, with what to call it. */
  begin(name: string, input: Input): void {
    // The text of a short input costs little; a long one is written without its text form.
    const text = Buffer.from(`${name}:${printInput(input)}`, "latin1");
    const length = Math.min(text.length, MAX_TOLD_CHARS);
    this.#text.set(text.subarray(0, length));
    Atomics.store(this.#words, WORD.length, length);
    Atomics.add(this.#words, WORD.begun, 1);
    Atomics.store(this.#words, WORD.running, 1);
  }

  end(): void {
    Atomics.store(this.#words, WORD.running, 0);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
