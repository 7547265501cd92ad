// Tries what needs others to be there first, and says how it goes.

export interface TryOptions {
  /** How long to try, in ms. */
  readonly giveUpMs: number;
  /** Between two tries, in ms. */
  readonly everyMs: number;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly say: (line: string) => void;
}

/** The same reason is said again after this, in ms: whoever reads the log sees that it still tries. */
const REMIND_MS = 15_000;

/** Resolves when the work does. Rejects with the last reason once the time is over. `remainingMs` is what is left of it. */
export async function tryUntil(work: (remainingMs: number) => Promise<void>, options: TryOptions): Promise<void> {
  const { giveUpMs, everyMs, nowMs, sleep, say } = options;
  const startedAt = nowMs();
  let said = { reason: "", atMs: Number.NEGATIVE_INFINITY };
  for (;;) {
    try {
      return await work(giveUpMs - (nowMs() - startedAt));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const elapsedMs = nowMs() - startedAt;
      if (elapsedMs + everyMs >= giveUpMs)
        throw new Error(`gave up after ${Math.round(elapsedMs / 1000)} s: ${reason}`, { cause: error });
      if (reason !== said.reason || nowMs() - said.atMs >= REMIND_MS) {
        say(`not yet, after ${Math.round(elapsedMs / 1000)} s: ${reason}`);
        said = { reason, atMs: nowMs() };
      }
      await sleep(everyMs);
    }
  }
}
