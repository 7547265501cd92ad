// What this instance knows of the attempts it was given: running, finished not long ago, or burned (declared unseen, never
// to run). The answer to every probe comes from here.
import { FinishedReplies } from "../call/finished-replies.ts";
import { IdTable } from "../call/id-table.ts";
import type { ProbeAnswer } from "../contract/index.ts";

/** Burned ids kept; older ones are of requests that can no longer be on their way. */
export const MAX_BURNED_ATTEMPTS = 20_000;

export interface RunningCall {
  readonly id: string;
  readonly abort: (reason: "cancelled" | "deadline") => void;
}

export class RunningCalls {
  readonly #running = new IdTable<RunningCall>();
  readonly #burned = new Set<string>();
  readonly finished = new FinishedReplies();
  #idle: (() => void)[] = [];

  get size(): number {
    return this.#running.size;
  }

  /**
   * False for an id that runs or was declared unseen: the request came twice or too late. Whether it has run is looked up where
   * everything may be heard twice for longer than it runs; else an id comes once, since whoever sends again draws a new one.
   */
  mayStart(id: string, principal: string, hearsTwice: boolean): boolean {
    if (this.#running.has(id) || this.#burned.has(id)) return false;
    return !hearsTwice || !this.finished.has(id, principal);
  }

  start(call: RunningCall): void {
    this.#running.add(call);
  }

  end(id: string): void {
    this.#running.delete(id);
    if (this.#running.size > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  /** The sender gave up. An id not seen yet will never run. */
  cancel(id: string): void {
    const call = this.#running.get(id);
    if (call !== undefined) call.abort("cancelled");
    else if (!this.finished.has(id)) this.#burn(id);
  }

  probe(ids: readonly string[]): ProbeAnswer {
    const running: string[] = [];
    const done: string[] = [];
    const unseen: string[] = [];
    for (const id of ids) {
      if (this.#running.has(id)) running.push(id);
      else if (this.finished.has(id)) done.push(id);
      else {
        this.#burn(id);
        unseen.push(id);
      }
    }
    return { running, done, unseen };
  }

  #burn(id: string): void {
    if (this.#burned.size >= MAX_BURNED_ATTEMPTS) {
      const [oldest] = this.#burned;
      if (oldest !== undefined) this.#burned.delete(oldest);
    }
    this.#burned.add(id);
  }

  /** Resolves when nothing runs any more. */
  async whenIdle(): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}
