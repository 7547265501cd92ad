import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { priceOf, shippingCents } from "./price.ts";

test("a cart costs its lines, with tax", () => {
  assert.deepEqual(priceOf([{ count: 2, cents: 500 }]), {
    netCents: 1_000,
    discountCents: 0,
    taxCents: 190,
    totalCents: 1_190,
  });
});

test("five of a kind and coupons make it cheaper, unknown coupons do not", () => {
  assert.equal(priceOf([{ count: 5, cents: 100 }]).discountCents, 50);
  assert.equal(priceOf([{ count: 1, cents: 1_000 }], "FRIENDS").discountCents, 150);
  assert.equal(priceOf([{ count: 1, cents: 1_000 }], "NONSENSE").discountCents, 0);
});

test("the total is whole cents, never below nothing, and adds up", () => {
  const line = fc.record({ count: fc.integer({ min: 1, max: 100 }), cents: fc.integer({ min: 1, max: 100_000 }) });
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 20 }),
      fc.constantFrom(undefined, "WELCOME", "FRIENDS"),
      (lines, coupon) => {
        const { netCents, discountCents, taxCents, totalCents } = priceOf(lines, coupon);
        assert.ok(
          [netCents, discountCents, taxCents, totalCents].every((cents) => Number.isInteger(cents) && cents >= 0),
        );
        assert.equal(totalCents, netCents - discountCents + taxCents);
      },
    ),
  );
});

test("shipping grows by started kilograms", () => {
  assert.deepEqual([0, 1_000, 1_001, 3_000].map(shippingCents), [390, 390, 540, 690]);
});
