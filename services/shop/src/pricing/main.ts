import { requireNumber, requireText } from "../refuse.ts";
import { join } from "../serve.ts";
import { priceOf, shippingCents } from "./price.ts";

const mesh = await join();

await mesh.serve({
  quote: async ({ lines, coupon }) => {
    const priced = await Promise.all(
      (Array.isArray(lines) ? lines : []).map(async ({ productId, count }, i) => {
        const { product } = await mesh.call("catalog", "get", { id: requireText(productId, `lines[${i}].productId`) });
        return {
          count: requireNumber(count, `lines[${i}].count`, 1, 1_000),
          cents: product.cents,
          grams: product.grams,
        };
      }),
    );
    return { ...priceOf(priced, coupon), grams: priced.reduce((sum, { count, grams }) => sum + count * grams, 0) };
  },
  shipping: ({ grams }) => ({ cents: shippingCents(requireNumber(grams, "grams", 0, 1_000_000)) }),
});
