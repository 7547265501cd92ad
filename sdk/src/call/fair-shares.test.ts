import assert from "node:assert/strict";
import { test } from "node:test";
import { FairShares } from "./fair-shares.ts";

function filled(bound: number, held: Readonly<Record<string, number>>): FairShares {
  const shares = new FairShares(bound);
  for (const [principal, amount] of Object.entries(held)) shares.add(principal, amount);
  return shares;
}

test("it is over when all together hold more than its bound", () => {
  const shares = filled(10, { cart: 4, web: 6 });
  assert.ok(!shares.isOver);
  shares.add("web", 1);
  assert.ok(shares.isOver);
  shares.remove("cart", 1);
  assert.ok(!shares.isOver);
});

test("who adds gives, if he holds more than his share", () => {
  assert.equal(filled(10, { cart: 6, web: 5 }).whoGives("cart"), "cart");
  assert.equal(filled(10, { cart: 11 }).whoGives("cart"), "cart");
});

test("else it is whoever holds most, as long as he does", () => {
  const shares = filled(12, { cart: 2, web: 9, mail: 2 });
  assert.equal(shares.whoGives("cart"), "web");
  shares.remove("web", 6);
  shares.add("mail", 8);
  assert.equal(shares.whoGives("cart"), "mail");
});

test("who holds nothing any more is nobody's share", () => {
  const shares = filled(10, { cart: 5, web: 6 });
  shares.remove("cart", 5);
  shares.add("mail", 5);
  assert.equal(shares.whoGives("mail"), "web");
});
