import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { backoffMs } from "./backoff.ts";

const exponential = { kind: "exponential", baseMs: 25, capMs: 250 } as const;

describe("backoffMs", () => {
  it("doubles its ceiling up to the cap", () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 50].map((retry) => backoffMs(exponential, retry, 1, false)),
      [25, 50, 100, 200, 250, 250],
    );
  });

  it("is anything below the ceiling, and at least half of it for who was throttled", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (retry, random01) => {
        const ceilingMs = backoffMs(exponential, retry, 1, false);
        assert.equal(backoffMs(exponential, retry, random01, false), ceilingMs * random01);
        const throttled = backoffMs(exponential, retry, random01, true);
        assert.ok(throttled >= ceilingMs / 2 && throttled <= ceilingMs);
      }),
    );
  });

  it("is always the same if it is fixed", () => {
    assert.equal(backoffMs({ kind: "fixed", delayMs: 40 }, 7, 0.3, true), 40);
  });
});
