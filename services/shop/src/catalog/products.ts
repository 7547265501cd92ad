// What the shop sells. Fixed, so that a run can be repeated.

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  readonly cents: number;
  readonly grams: number;
}

const CATEGORIES = ["tea", "coffee", "mugs", "kettles", "honey"] as const;
const KINDS = ["small", "fine", "old", "bright", "dark", "plain", "good", "rare"] as const;

export const PRODUCTS: readonly Product[] = CATEGORIES.flatMap((category, c) =>
  KINDS.map((kind, k) => ({
    id: `${category}-${k + 1}`,
    name: `${kind} ${category}`,
    category,
    cents: 250 + c * 400 + k * 125,
    grams: 100 + c * 150 + k * 25,
  })),
);

const byId = new Map(PRODUCTS.map((product) => [product.id, product]));

export function findProduct(id: string): Product | undefined {
  return byId.get(id);
}

/** Products whose name or category holds the text, in any case. */
export function searchProducts(text: string): readonly Product[] {
  const wanted = text.toLowerCase();
  return PRODUCTS.filter(({ name, category }) => name.includes(wanted) || category.includes(wanted));
}
