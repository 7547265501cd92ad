// Load by a fixed number of workers, each with one call at a time.
export interface LoadResult {
  readonly calls: number;
  readonly failures: readonly unknown[];
  /** The slowest call, in ms. */
  readonly slowestMs: number;
}

export interface RunningLoad {
  /** Calls that have ended so far. */
  readonly calls: number;
  /** Begins no more calls and resolves when the last has ended. */
  stop(): Promise<LoadResult>;
}

const running = new Set<() => void>();

/** No load begins a call any more: a test that failed has not stopped its own, and would be repeated against nothing for ever. */
export function endLoads(): void {
  for (const end of running) end();
}

/** Starts workers that repeat `call`, which is given a number nobody else has, until they are stopped. */
export function startLoad(workers: number, call: (n: number) => Promise<unknown>): RunningLoad {
  const failures: unknown[] = [];
  let calls = 0;
  let begun = 0;
  let slowestMs = 0;
  let goesOn = true;
  const end = (): void => {
    goesOn = false;
    running.delete(end);
  };
  running.add(end);
  const work = async (): Promise<void> => {
    while (goesOn) {
      const startedAtMs = performance.now();
      try {
        await call(begun++);
      } catch (error) {
        failures.push(error);
      }
      calls++;
      slowestMs = Math.max(slowestMs, performance.now() - startedAtMs);
    }
  };
  const all = Promise.all(Array.from({ length: workers }, work));
  return {
    get calls() {
      return calls;
    },
    stop: async () => {
      end();
      await all;
      return { calls, failures, slowestMs };
    },
  };
}
