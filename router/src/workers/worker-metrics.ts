// The metrics of all workers as one. A worker that does not answer in time is shown as it was last seen, and what one that is gone
// had counted stays counted: a sum that went down would look to Prometheus like a restart of everything.
import { addCounts, addText, type Families, formatFamilies } from "./metric-samples.ts";

/** A worker has so long to answer, in ms. */
export const ANSWER_MS = 1_000;

interface Asked {
  readonly worker: number;
  readonly settle: () => void;
}

export class WorkerMetrics {
  readonly #send: (worker: number, ask: number) => void;
  /** By worker, what it said last. */
  readonly #last = new Map<number, string>();
  readonly #retired: Families = new Map();
  readonly #asked = new Map<number, Asked>();
  #asks = 0;

  /** `send` asks a worker, who answers by `answered` or not at all. */
  constructor(send: (worker: number, ask: number) => void) {
    this.#send = send;
  }

  /** Asks these and joins what all have said. */
  async collect(workers: readonly number[]): Promise<string> {
    await Promise.all(workers.map(async (worker) => this.#ask(worker)));
    const families: Families = new Map();
    for (const text of this.#last.values()) addText(families, text);
    addCounts(families, this.#retired);
    return formatFamilies(families);
  }

  answered(worker: number, ask: number, text: string): void {
    const asked = this.#asked.get(ask);
    if (asked?.worker !== worker) {
      // Too late for who asked, but newer than what is known.
      if (this.#last.has(worker)) this.#last.set(worker, text);
      return;
    }
    this.#last.set(worker, text);
    asked.settle();
  }

  /** It is gone: what it had counted when it was last asked is kept, and nobody waits for it. */
  retire(worker: number): void {
    const text = this.#last.get(worker);
    this.#last.delete(worker);
    for (const asked of [...this.#asked.values()]) if (asked.worker === worker) asked.settle();
    if (text === undefined) return;
    const families: Families = new Map();
    addText(families, text);
    addCounts(this.#retired, families);
  }

  async #ask(worker: number): Promise<void> {
    const ask = ++this.#asks;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#settle(ask, resolve), ANSWER_MS);
      const settle = (): void => {
        clearTimeout(timer);
        this.#settle(ask, resolve);
      };
      this.#asked.set(ask, { worker, settle });
      this.#send(worker, ask);
    });
  }

  #settle(ask: number, resolve: () => void): void {
    this.#asked.delete(ask);
    resolve();
  }
}
