// A person who shops: looks around, looks closer, takes something, often leaves it there, sometimes pays; now and then with a
// card that is declined, or for something that was never sold.
import { PRODUCTS } from "../catalog/products.ts";

/** One call of the storefront. */
export type Visit = (method: string, request: object) => Promise<void>;

/** What share of shoppers does what. */
const LOOKS_CLOSER = 0.9;
const TAKES_SOMETHING = 0.6;
const CHECKS_OUT = 0.5;
const DECLINED_CARD = 0.05;
const UNKNOWN_PRODUCT = 0.02;
const USES_COUPON = 0.2;

/** Goes through the shop once. Errors of single visits are the visits' business; a person goes on. */
export async function shop(shopper: string, visit: Visit, random: () => number): Promise<void> {
  await visit("browse", random() < 0.3 ? { text: pick(["tea", "mug", "old", "rare"], random) } : {});
  const looks = 1 + Math.floor(random() * 3);
  for (let i = 0; i < looks && random() < LOOKS_CLOSER; i++) await visit("product", { id: productId(random) });
  if (random() >= TAKES_SOMETHING) return;
  const takes = 1 + Math.floor(random() * 3);
  for (let i = 0; i < takes; i++)
    await visit("addToCart", { shopper, productId: productId(random), count: 1 + Math.floor(random() * 6) });
  await visit("cart", { shopper });
  if (random() >= CHECKS_OUT) return;
  const card = random() < DECLINED_CARD ? "4000-0000-0000-0002" : "5555-0000-0000-4444";
  await visit("checkout", { shopper, card, ...(random() < USES_COUPON ? { coupon: "WELCOME" } : {}) });
}

function productId(random: () => number): string {
  return random() < UNKNOWN_PRODUCT ? "unicorn-1" : pick(PRODUCTS, random).id;
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}
