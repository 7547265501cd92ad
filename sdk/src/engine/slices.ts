// Work that can be interrupted: a generator yields wherever it may pause, and whoever runs it decides whether it does.

/** `Result` in as many steps as it takes; what stands between two of them is short. */
export type Slices<Result> = Generator<undefined, Result, undefined>;

/** Runs all of it now. */
export function finish<Result>(slices: Slices<Result>): Result {
  for (;;) {
    const { done, value } = slices.next();
    if (done === true) return value;
  }
}
