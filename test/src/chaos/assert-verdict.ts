// What every slice asks of its verdict.
import assert from "node:assert/strict";
import type { Verdict } from "./oracle.ts";

/** What may never happen, whatever is done to a mesh. */
export function assertNothingForbidden({ ranTwice, lateStarts, hung, madeUp }: Verdict): void {
  assert.deepEqual(ranTwice, [], "ran twice");
  assert.deepEqual(lateStarts, [], "started after their deadline");
  assert.deepEqual(hung, [], "did not end in time");
  assert.deepEqual(madeUp, [], "answered without having run");
}

/** And where everybody who was hit had somebody to stand in. */
export function assertRodeOut(verdict: Verdict, leastCalls: number): void {
  assertNothingForbidden(verdict);
  assert.deepEqual(verdict.idempotentFailed, [], "idempotent calls failed");
  assert.ok(verdict.calls >= leastCalls, `only ${verdict.calls} calls were sent`);
}
