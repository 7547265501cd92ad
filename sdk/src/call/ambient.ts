// The call a piece of code runs in, carried by AsyncLocalStorage: deadline, cancellation and trace context flow into
// nested calls without being passed by hand.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Priority } from "../contract/header-names.ts";
import type { TraceContext } from "../telemetry/port.ts";
import type { LazyAbort } from "./lazy-abort.ts";

export class Ambient {
  readonly #abort: LazyAbort;
  /** Monotonic instant of this process. */
  readonly deadlineAtMs: number;
  readonly trace: TraceContext | undefined;
  readonly baggage: string | undefined;
  readonly priority: Priority;

  constructor(
    deadlineAtMs: number,
    abort: LazyAbort,
    trace: TraceContext | undefined,
    baggage: string | undefined,
    priority: Priority,
  ) {
    this.deadlineAtMs = deadlineAtMs;
    this.#abort = abort;
    this.trace = trace;
    this.baggage = baggage;
    this.priority = priority;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }
}

const storage = new AsyncLocalStorage<Ambient>();

/** Runs `body` within a call; everything it awaits sees the same. */
export function runWithin<Result>(ambient: Ambient, body: () => Result): Result {
  return storage.run(ambient, body);
}

export function currentAmbient(): Ambient | undefined {
  return storage.getStore();
}
