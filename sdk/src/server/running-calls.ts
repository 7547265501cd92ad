// What this instance knows of the attempts it was given: running, finished not long ago, or burned (declared unseen, never
// to run). The answer to every probe comes from here.
import { BurnedIds } from "../call/burned-ids.ts";
import { FinishedReplies } from "../call/finished-replies.ts";
import { IdTable } from "../call/id-table.ts";
import type { ProbeAnswer } from "../contract/index.ts";

/** Burned ids kept, those of routers and those of direct callers; older ones are of requests that can no longer be on their way. */
export const MAX_BURNED_ATTEMPTS = 20_000;
/** Of these, those of one direct caller. */
export const MAX_BURNED_PER_CALLER = 2_000;

export interface RunningCall {
  /** Of a call that came past the routers with its caller before it and a blank between. */
  readonly id: string;
  readonly abort: (reason: "cancelled" | "deadline") => void;
}

export class RunningCalls {
  readonly #running = new IdTable<RunningCall>();
  readonly #burned = new BurnedIds(MAX_BURNED_ATTEMPTS, MAX_BURNED_ATTEMPTS);
  readonly #burnedByCallers = new BurnedIds(MAX_BURNED_ATTEMPTS, MAX_BURNED_PER_CALLER);
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
    if (this.#running.has(id) || this.#burnedOf(id).has(ownerOf(id), id)) return false;
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
    this.#burnedOf(id).add(ownerOf(id), id);
  }

  #burnedOf(id: string): BurnedIds {
    return ownerOf(id) === "" ? this.#burned : this.#burnedByCallers;
  }

  /** Resolves when nothing runs any more. */
  async whenIdle(): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}

/** The direct caller an id belongs to; empty for a router's. */
function ownerOf(id: string): string {
  return id.slice(0, Math.max(0, id.indexOf(" ")));
}
