// A shopper's cart.
import { refusal } from "../refuse.ts";
import type { Bucket } from "../state/bucket.ts";

export const MAX_LINES = 20;

export interface CartLine {
  readonly productId: string;
  readonly count: number;
}

export interface Cart {
  readonly lines: readonly CartLine[];
}

const EMPTY: Cart = { lines: [] };

export async function readCart(bucket: Bucket, shopper: string): Promise<Cart> {
  return (await bucket.read<Cart>(shopper)) ?? EMPTY;
}

/** Adds to the line of this product, or begins one. */
export function withLine(cart: Cart, { productId, count }: CartLine): Cart {
  const known = cart.lines.find((line) => line.productId === productId);
  if (known === undefined && cart.lines.length >= MAX_LINES)
    throw refusal("FAILED_PRECONDITION", `a cart holds ${MAX_LINES} products at most`);
  const rest = cart.lines.filter((line) => line !== known);
  return { lines: [...rest, { productId, count: (known?.count ?? 0) + count }] };
}

export async function addLine(bucket: Bucket, shopper: string, line: CartLine): Promise<Cart> {
  return (await bucket.update<Cart>(shopper, (cart) => withLine(cart ?? EMPTY, line))) ?? EMPTY;
}

export async function clearCart(bucket: Bucket, shopper: string): Promise<void> {
  await bucket.write(shopper, EMPTY);
}
