// How many retries a service's callers may add to its load: a share of the calls of the last ten seconds, plus a floor
// for quiet services (Finagle's and Linkerd's RetryBudget: 20 %, 10/s, 10 s).

/** The window over which calls and retries are counted, in ms. */
export const BUDGET_WINDOW_MS = 10_000;
const BUCKETS = 10;
const BUCKET_MS = BUDGET_WINDOW_MS / BUCKETS;

export interface BudgetTerms {
  /** Retries per hundred calls. */
  readonly percent: number;
  /** Retries a second that are allowed whatever the number of calls. */
  readonly minPerSecond: number;
}

/**
 * Counts of one service at one router or caller, as a ring of one-second buckets that slides: nothing is zeroed at an edge.
 * Instants are of one monotonic clock; one that steps back counts into the newest bucket.
 */
export class RetryBudget {
  readonly #calls = new Array<number>(BUCKETS).fill(0);
  readonly #retries = new Array<number>(BUCKETS).fill(0);
  #callSum = 0;
  #retrySum = 0;
  #bucket = 0;

  /** A call began: its first attempt. */
  countCall(nowMs: number): void {
    this.#advance(nowMs);
    const index = this.#bucket % BUCKETS;
    this.#calls[index] = (this.#calls[index] as number) + 1;
    this.#callSum++;
  }

  /** Takes one retry out of the budget. False, and nothing taken, if none is left. */
  takeRetry(terms: BudgetTerms, nowMs: number): boolean {
    this.#advance(nowMs);
    if (this.#retrySum + 1 > allowance(terms, this.#callSum)) return false;
    const index = this.#bucket % BUCKETS;
    this.#retries[index] = (this.#retries[index] as number) + 1;
    this.#retrySum++;
    return true;
  }

  /** Retries that could be taken now. */
  left(terms: BudgetTerms, nowMs: number): number {
    this.#advance(nowMs);
    return Math.max(0, Math.floor(allowance(terms, this.#callSum) - this.#retrySum));
  }

  /** Empties the buckets that have gone out of the window since. */
  #advance(nowMs: number): void {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    if (bucket <= this.#bucket) return;
    const passed = Math.min(bucket - this.#bucket, BUCKETS);
    for (let i = 1; i <= passed; i++) {
      const index = (this.#bucket + i) % BUCKETS;
      this.#callSum -= this.#calls[index] as number;
      this.#retrySum -= this.#retries[index] as number;
      this.#calls[index] = 0;
      this.#retries[index] = 0;
    }
    this.#bucket = bucket;
  }
}

function allowance(terms: BudgetTerms, calls: number): number {
  return (calls * terms.percent) / 100 + (terms.minPerSecond * BUDGET_WINDOW_MS) / 1000;
}
