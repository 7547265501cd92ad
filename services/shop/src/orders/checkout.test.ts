import assert from "node:assert/strict";
import { test } from "node:test";
import { type OrderSteps, placeOrder } from "./checkout.ts";

const REQUEST = { id: "o1", shopper: "s1", lines: [{ productId: "tea-1", count: 2 }], card: "5555" };

/** Steps that write down what was done; one of them fails. */
function steps(done: string[], failing?: keyof OrderSteps): OrderSteps {
  const step =
    <Result>(name: keyof OrderSteps, result: Result) =>
    async (): Promise<Result> => {
      if (name === failing) throw new Error(`${name} failed`);
      done.push(name);
      return result;
    };
  return {
    quote: step("quote", { totalCents: 1_190, grams: 500 }),
    shippingQuote: step("shippingQuote", 390),
    reserve: step("reserve", undefined),
    charge: step("charge", "receipt"),
    ship: step("ship", "L1"),
    release: step("release", undefined),
    refund: step("refund", undefined),
  };
}

test("an order goes from quote to label", async () => {
  const done: string[] = [];
  const order = await placeOrder(REQUEST, steps(done));
  assert.deepEqual(done, ["quote", "shippingQuote", "reserve", "charge", "ship"]);
  assert.deepEqual([order.totalCents, order.receipt, order.label], [1_580, "receipt", "L1"]);
});

const CASES: readonly { readonly failing: keyof OrderSteps; readonly undone: readonly string[] }[] = [
  { failing: "quote", undone: [] },
  { failing: "reserve", undone: [] },
  { failing: "charge", undone: ["release"] },
  { failing: "ship", undone: ["refund", "release"] },
];
for (const { failing, undone } of CASES) {
  test(`when ${failing} fails, what was done before is undone in reverse, and the failure is told`, async () => {
    const done: string[] = [];
    await assert.rejects(placeOrder(REQUEST, steps(done, failing)), { message: `${failing} failed` });
    assert.deepEqual(
      done.filter((name) => name === "refund" || name === "release"),
      undone,
    );
  });
}
