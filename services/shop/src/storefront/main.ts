import { MeshError } from "@malla/sdk";
import { refusal, requireNumber, requireText } from "../refuse.ts";
import { join } from "../serve.ts";

const mesh = await join();

await mesh.serve({
  browse: async ({ text }) =>
    text === undefined
      ? await mesh.call("catalog", "list", {})
      : await mesh.call("catalog", "search", { text: requireText(text, "text") }),
  product: async ({ id }) => {
    const productId = requireText(id, "id");
    const [{ product }, { count }, suggestions] = await Promise.all([
      mesh.call("catalog", "get", { id: productId }),
      mesh.call("inventory", "stock", { productId }),
      suggest(productId),
    ]);
    return { product, inStock: count, suggestions };
  },
  addToCart: async ({ shopper, productId, count }) =>
    await mesh.call("cart", "add", {
      shopper: requireText(shopper, "shopper"),
      productId: requireText(productId, "productId"),
      count: requireNumber(count, "count", 1, 20),
    }),
  cart: async ({ shopper }) => await mesh.call("cart", "get", { shopper: requireText(shopper, "shopper") }),
  checkout: async ({ shopper, card, coupon }) => {
    const who = requireText(shopper, "shopper");
    const { lines } = await mesh.call("cart", "get", { shopper: who });
    if (lines.length === 0) throw refusal("FAILED_PRECONDITION", "there is nothing in the cart");
    const order = await mesh.call("orders", "create", { shopper: who, lines, card, coupon });
    await mesh.call("cart", "clear", { shopper: who });
    return { order };
  },
});

/** A page without suggestions is a page all the same: they get little time, and nobody waits for them in vain. */
async function suggest(productId: string): Promise<readonly string[]> {
  try {
    return (await mesh.call("recommendations", "suggest", { productId, count: 3 }, { timeoutMs: 1_000 })).productIds;
  } catch (error) {
    if (error instanceof MeshError) return [];
    throw error;
  }
}
