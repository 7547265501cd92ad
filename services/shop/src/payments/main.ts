import { requireText } from "../refuse.ts";
import { join } from "../serve.ts";
import { openBucket } from "../state/bucket.ts";
import { loadPayments } from "./contract.ts";
import { charge, findPayment, refund } from "./ledger.ts";

const mesh = await join();
const bucket = await openBucket("payments");

await mesh.serve(await loadPayments(), {
  Charge: async ({ orderId, cents, card }) => {
    const { receipt } = await charge(
      bucket,
      requireText(orderId, "order_id"),
      Number(cents),
      requireText(card, "card"),
    );
    return { receipt };
  },
  Refund: async ({ orderId }) => ({ cents: BigInt((await refund(bucket, requireText(orderId, "order_id"))).cents) }),
  Get: async ({ orderId }) => {
    const { cents, receipt, state } = await findPayment(bucket, requireText(orderId, "order_id"));
    return { orderId, cents: BigInt(cents), receipt, state };
  },
});
