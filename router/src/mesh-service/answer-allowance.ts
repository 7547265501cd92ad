// What service `mesh` answers one principal in a second, in bytes. These answers are not calls, so `admit` does not see them; and
// a question of a hundred bytes can bring a policy of half a megabyte, or replies that were sent before.

/** A policy's worth thirty times over, and then some probes. */
export const MAX_ANSWER_BYTES_PER_SECOND = 16 * 1024 * 1024;
/** The least a question counts for, whatever its answer: reading it is work too. So at most 2,048 a second. */
export const MIN_ANSWER_BYTES = 8 * 1024;

export class AnswerAllowance {
  /** Of this second alone, so it holds no more principals than asked in it. */
  readonly #used = new Map<string, number>();
  readonly #nowMs: () => number;
  #second = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whether anything is left for this principal now. Its last answer may go beyond: its size is not known before it is made. */
  isLeft(principal: string): boolean {
    const second = Math.floor(this.#nowMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#used.clear();
    }
    return (this.#used.get(principal) ?? 0) < MAX_ANSWER_BYTES_PER_SECOND;
  }

  use(principal: string, bytes: number): void {
    this.#used.set(principal, (this.#used.get(principal) ?? 0) + Math.max(bytes, MIN_ANSWER_BYTES));
  }
}
