import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { covers, overlaps } from "./subject-cover.ts";

const cases = [
  { pattern: "a.b", subject: "a.b", covered: true, meets: true },
  { pattern: "a.*", subject: "a.b", covered: true, meets: true },
  { pattern: "a.*", subject: "a.b.c", covered: false, meets: false },
  { pattern: "a.*", subject: "a.>", covered: false, meets: true },
  { pattern: "a.>", subject: "a.*.c", covered: true, meets: true },
  { pattern: "a.>", subject: "a", covered: false, meets: false },
  { pattern: "*.b", subject: "a.*", covered: false, meets: true },
  { pattern: ">", subject: "a.>", covered: true, meets: true },
  { pattern: "a", subject: "a.b", covered: false, meets: false },
];

for (const { pattern, subject, covered, meets } of cases) {
  test(`${pattern} and ${subject}`, () => {
    assert.equal(covers(pattern, subject), covered);
    assert.equal(overlaps(pattern, subject), meets);
    assert.equal(overlaps(subject, pattern), meets);
  });
}

test("what is covered overlaps, and a literal is covered exactly where it overlaps", () => {
  const token = fc.constantFrom("a", "b", "*");
  const tail = fc.constantFrom("a", "b", "*", ">");
  const pattern = fc.tuple(fc.array(token, { maxLength: 3 }), tail).map(([head, last]) => [...head, last].join("."));
  const literal = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join("."));
  fc.assert(
    fc.property(pattern, pattern, literal, (left, right, plain) => {
      assert.ok(!covers(left, right) || overlaps(left, right));
      assert.equal(covers(left, plain), overlaps(left, plain));
      assert.ok(!covers(left, right) || !covers(right, plain) || covers(left, plain));
    }),
  );
});
