// An order from cart to parcel, as a saga: each step that took something knows how to give it back.
import type { CartLine } from "../cart/cart.ts";

export interface Order {
  readonly id: string;
  readonly shopper: string;
  readonly lines: readonly CartLine[];
  readonly totalCents: number;
  readonly receipt: string;
  readonly label: string;
  readonly state: "placed";
}

export interface OrderRequest {
  readonly id: string;
  readonly shopper: string;
  readonly lines: readonly CartLine[];
  readonly card: string;
  readonly coupon?: string;
}

/** The other services an order needs, as functions: over the mesh in the program, plain ones in tests. */
export interface OrderSteps {
  readonly quote: (lines: readonly CartLine[], coupon?: string) => Promise<{ totalCents: number; grams: number }>;
  readonly reserve: (lines: readonly CartLine[]) => Promise<void>;
  readonly release: (lines: readonly CartLine[]) => Promise<void>;
  readonly shippingQuote: (grams: number) => Promise<number>;
  readonly charge: (orderId: string, cents: number, card: string) => Promise<string>;
  readonly refund: (orderId: string) => Promise<void>;
  readonly ship: (orderId: string, grams: number) => Promise<string>;
}

/** Places an order. If a step fails, those before it are undone in reverse, and the failure is the caller's to see. */
export async function placeOrder(request: OrderRequest, steps: OrderSteps): Promise<Order> {
  const { id, shopper, lines, card, coupon } = request;
  const undo: (() => Promise<void>)[] = [];
  try {
    const { totalCents, grams } = await steps.quote(lines, coupon);
    const cents = totalCents + (await steps.shippingQuote(grams));
    await steps.reserve(lines);
    undo.push(async () => steps.release(lines));
    const receipt = await steps.charge(id, cents, card);
    undo.push(async () => steps.refund(id));
    const label = await steps.ship(id, grams);
    return { id, shopper, lines, totalCents: cents, receipt, label, state: "placed" };
  } catch (error) {
    for (const step of undo.toReversed()) await step();
    throw error;
  }
}
