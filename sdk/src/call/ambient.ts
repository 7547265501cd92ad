// The call a piece of code runs in, carried by AsyncLocalStorage: deadline, cancellation and trace context flow into
// nested calls without being passed by hand.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Priority } from "../contract/header-names.ts";
import type { TraceContext } from "../telemetry/port.ts";

export interface Ambient {
  /** Monotonic instant of this process. */
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal;
  readonly trace: TraceContext | undefined;
  readonly baggage: string | undefined;
  readonly priority: Priority;
}

const storage = new AsyncLocalStorage<Ambient>();

/** Runs `body` within a call; everything it awaits sees the same. */
export function runWithin<Result>(ambient: Ambient, body: () => Result): Result {
  return storage.run(ambient, body);
}

export function currentAmbient(): Ambient | undefined {
  return storage.getStore();
}
