import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Claim, CreditBudget } from "./credit-budget.ts";
import { MAX_CREDITED_BYTES, MAX_FRAME_BYTES } from "./frame-bounds.ts";

function claim(got: number[]): Claim {
  return { granted: (frames) => got.push(frames) };
}

test("a budget is half of what the broker holds for a client", () => {
  assert.equal(new CreditBudget().free, MAX_CREDITED_BYTES / MAX_FRAME_BYTES);
});

test("who waits is served in turn, and not by crumbs", () => {
  const budget = new CreditBudget(16);
  const [a, b, c]: [number[], number[], number[]] = [[], [], []];
  budget.take(claim(a), 16);
  const waiting = claim(b);
  budget.take(waiting, 16);
  budget.take(claim(c), 2);
  assert.deepEqual([a, b, c], [[16], [], []]);
  assert.ok(budget.hasWaiting(waiting));
  budget.give(3);
  assert.deepEqual(b, []);
  budget.give(1);
  assert.deepEqual([b, c], [[4], []]);
  budget.give(2);
  assert.deepEqual(c, [2]);
});

test("who leaves lets the next one have its turn", () => {
  const budget = new CreditBudget(3);
  const got: number[] = [];
  const first = claim([]);
  budget.take(first, 10);
  budget.take(claim(got), 2);
  assert.deepEqual(got, []);
  budget.leave(first);
  assert.deepEqual(got, [2]);
});

test("credit is neither made nor lost, whoever takes, gives and leaves", () => {
  const step = fc.record({
    who: fc.nat(5),
    what: fc.constantFrom("take", "give", "leave"),
    frames: fc.integer({ min: 1, max: 16 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const budget = new CreditBudget(32);
      const held = [0, 0, 0, 0, 0, 0];
      const claims = held.map((_, who): Claim => ({ granted: (frames) => (held[who] = (held[who] ?? 0) + frames) }));
      for (const { who, what, frames } of steps) {
        const own = claims[who] as Claim;
        if (what === "take") budget.take(own, frames);
        else if (what === "leave") budget.leave(own);
        else {
          const back = Math.min(held[who] as number, frames);
          held[who] = (held[who] as number) - back;
          if (back > 0) budget.give(back);
        }
        const out = held.reduce((sum, one) => sum + one, 0);
        assert.equal(out + budget.free, 32);
        assert.ok(budget.free >= 0);
      }
    }),
  );
});
