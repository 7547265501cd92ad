// Log lines whose number somebody else chooses. A flood of them is counted, not written, and hides only lines about whoever
// caused it.
import type { Logger } from "./port.ts";

/** Lines about one principal in a second; beyond, one line tells how many were left out. */
export const MAX_LINES_PER_SECOND = 20;
/** Principals told apart in a second; those beyond share one bound. */
export const MAX_PRINCIPALS_PER_SECOND = 50;
/** Stands for principals that are not told apart. */
const OTHERS = "";

export interface BoundedLinesOptions {
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Calls back once, so many milliseconds from now. */
  readonly after: (ms: number, call: () => void) => void;
}

export class BoundedLines {
  readonly #options: BoundedLinesOptions;
  /** Lines wanted this second, by principal. */
  readonly #wanted = new Map<string, number>();
  #second = 0;
  #willTell = false;

  constructor(options: BoundedLinesOptions) {
    this.#options = options;
  }

  /** Whether a line about this principal may be written now; if not, it is counted as left out. */
  mayWrite(principal: string): boolean {
    const nowMs = this.#options.nowMs();
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#tellLeftOut();
      this.#second = second;
    }
    const key = this.#wanted.has(principal) || this.#wanted.size < MAX_PRINCIPALS_PER_SECOND ? principal : OTHERS;
    const wanted = (this.#wanted.get(key) ?? 0) + 1;
    this.#wanted.set(key, wanted);
    if (wanted <= MAX_LINES_PER_SECOND) return true;
    // A flood that stops is told of as well.
    if (!this.#willTell) {
      this.#willTell = true;
      this.#options.after((second + 1) * 1000 - nowMs, () => {
        this.#willTell = false;
        this.#tellLeftOut();
      });
    }
    return false;
  }

  #tellLeftOut(): void {
    for (const [principal, wanted] of this.#wanted) {
      if (wanted <= MAX_LINES_PER_SECOND) continue;
      const leftOut = wanted - MAX_LINES_PER_SECOND;
      this.#options.log.warn({ principal, leftOut }, "more lines like these were left out of the log");
    }
    this.#wanted.clear();
  }
}
