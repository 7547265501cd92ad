// Waiting for what happens some time, without guessing how long it takes.
import { setTimeout as sleep } from "node:timers/promises";

export interface EventuallyOptions {
  /** Gives up after this, in ms. Default 5,000. */
  readonly withinMs?: number;
  /** Looks again after this, in ms. Default 10. */
  readonly everyMs?: number;
}

/** Runs `look` until it throws no more, and resolves to what it returned; rejects with its last error when the time is up. */
export async function eventually<Result>(
  look: () => Result | Promise<Result>,
  { withinMs = 5_000, everyMs = 10 }: EventuallyOptions = {},
): Promise<Result> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() >= until) throw error;
    }
    await sleep(everyMs);
  }
}

/** How long something took, in ms, and what came of it. */
export async function timed<Result>(
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly ms: number }> {
  const startedAt = performance.now();
  const result = await work();
  return { result, ms: performance.now() - startedAt };
}

/** The error a promise rejects with; throws if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`rejected with something that is no Error: ${String(error)}`, { cause: error });
  }
  throw new Error(`expected a rejection, but it resolved to ${JSON.stringify(value)}`);
}
