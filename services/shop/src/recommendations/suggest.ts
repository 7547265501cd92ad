// What goes well with a product: others of its kind first, then one of each other kind.
import { findProduct, PRODUCTS } from "../catalog/products.ts";

export function suggestFor(productId: string, count: number): readonly string[] | undefined {
  const product = findProduct(productId);
  if (product === undefined) return undefined;
  const same = PRODUCTS.filter(({ id, category }) => category === product.category && id !== productId);
  const others = PRODUCTS.filter(({ category }) => category !== product.category).filter(({ id }) => id.endsWith("-1"));
  return [...same.slice(0, Math.ceil(count / 2)), ...others].slice(0, count).map(({ id }) => id);
}
