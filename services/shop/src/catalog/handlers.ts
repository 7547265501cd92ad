// The catalog as the mesh sees it. Version 2 tells currency and rating as well.
import { createHash } from "node:crypto";
import type { Handlers } from "@malla/sdk";
import { refusal, requireText } from "../refuse.ts";
import { findProduct, PRODUCTS, type Product, searchProducts } from "./products.ts";

interface RatedProduct extends Product {
  readonly currency: "EUR";
  /** 1 to 5. */
  readonly rating: number;
}

export function catalogHandlers(version: string): Handlers {
  const show = version.startsWith("2.") ? rated : (product: Product): Product => product;
  return {
    list: () => ({ version, products: PRODUCTS.map(show) }),
    get: ({ id }: { id: unknown }) => {
      const product = findProduct(requireText(id, "id"));
      if (product === undefined) throw refusal("NOT_FOUND", `there is no product ${String(id)}`);
      return { version, product: show(product) };
    },
    search: ({ text }: { text: unknown }) => ({
      version,
      products: searchProducts(requireText(text, "text")).map(show),
    }),
  };
}

/** What customers think of it: made up of its name, so that every instance says the same. */
function rated(product: Product): RatedProduct {
  const [byte = 0] = createHash("sha256").update(product.id).digest();
  return { ...product, currency: "EUR", rating: 1 + (byte % 5) };
}
