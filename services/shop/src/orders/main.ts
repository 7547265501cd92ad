import { randomUUID } from "node:crypto";
import { loadPayments } from "../payments/contract.ts";
import { refusal, requireNumber, requireText } from "../refuse.ts";
import { join } from "../serve.ts";
import { openBucket } from "../state/bucket.ts";
import { type Order, type OrderSteps, placeOrder } from "./checkout.ts";

const mesh = await join();
const bucket = await openBucket("orders");
const payments = mesh.client(await loadPayments());

const steps: OrderSteps = {
  quote: async (lines, coupon) => mesh.call("pricing", "quote", { lines, coupon }),
  reserve: async (lines) => mesh.call("inventory", "reserve", { lines }),
  release: async (lines) => mesh.call("inventory", "release", { lines }),
  shippingQuote: async (grams) => (await mesh.call("shipping", "quote", { grams })).cents,
  // The order's id is the key: however often this is sent, the card is charged once.
  charge: async (orderId, cents, card) => (await payments.Charge({ orderId, cents: BigInt(cents), card })).receipt,
  refund: async (orderId) => void (await payments.Refund({ orderId })),
  ship: async (orderId, grams) => (await mesh.call("shipping", "label", { orderId, grams })).label,
};

await mesh.serve({
  create: async ({ shopper, lines, card, coupon }) => {
    if (!Array.isArray(lines) || lines.length === 0)
      throw refusal("FAILED_PRECONDITION", "there is nothing in the cart");
    const checked = lines.map(({ productId, count }, i) => ({
      productId: requireText(productId, `lines[${i}].productId`),
      count: requireNumber(count, `lines[${i}].count`, 1, 100),
    }));
    const order = await placeOrder(
      {
        id: randomUUID(),
        shopper: requireText(shopper, "shopper"),
        lines: checked,
        card: requireText(card, "card"),
        coupon,
      },
      steps,
    );
    await bucket.write(order.id, order);
    return order;
  },
  get: async ({ id }) => {
    const order = await bucket.read<Order>(requireText(id, "id"));
    if (order === undefined) throw refusal("NOT_FOUND", `there is no order ${String(id)}`);
    return order;
  },
});
