import { requireNumber, requireText } from "../refuse.ts";
import { join } from "../serve.ts";
import { openBucket } from "../state/bucket.ts";
import { addLine, clearCart, readCart } from "./cart.ts";

const mesh = await join();
const bucket = await openBucket("cart");

await mesh.serve({
  get: async ({ shopper }) => await readCart(bucket, requireText(shopper, "shopper")),
  add: async ({ shopper, productId, count }) => {
    const line = { productId: requireText(productId, "productId"), count: requireNumber(count, "count", 1, 20) };
    // Asked first, so that a cart never holds what is not sold; an unknown product is refused by the catalog's own word.
    await mesh.call("catalog", "get", { id: line.productId });
    return await addLine(bucket, requireText(shopper, "shopper"), line);
  },
  clear: async ({ shopper }) => {
    await clearCart(bucket, requireText(shopper, "shopper"));
    return {};
  },
});
