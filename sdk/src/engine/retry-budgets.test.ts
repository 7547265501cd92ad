import assert from "node:assert/strict";
import { it } from "node:test";
import { MAX_RETRY_BUDGETS, RetryBudgets } from "./retry-budgets.ts";

it("a service has one budget, another another", () => {
  const budgets = new RetryBudgets();
  assert.equal(budgets.of("orders"), budgets.of("orders"));
  assert.notEqual(budgets.of("orders"), budgets.of("cart"));
});

it("one too many takes the place of the first", () => {
  const budgets = new RetryBudgets();
  const first = budgets.of("s0");
  const second = budgets.of("s1");
  for (let i = 2; i <= MAX_RETRY_BUDGETS; i++) budgets.of(`s${i}`);
  assert.equal(budgets.of("s1"), second);
  assert.notEqual(budgets.of("s0"), first);
});
