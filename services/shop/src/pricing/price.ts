// What a cart costs. Whole cents throughout; every rounding is to the nearest cent, once.

/** From this many of one product on, it is cheaper. */
const VOLUME_COUNT = 5;
const VOLUME_PERCENT = 10;
const TAX_PERCENT = 19;
const COUPONS: Readonly<Record<string, number>> = { WELCOME: 5, FRIENDS: 15 };

export interface PricedLine {
  readonly count: number;
  readonly cents: number;
}

export interface Price {
  readonly netCents: number;
  readonly discountCents: number;
  readonly taxCents: number;
  readonly totalCents: number;
}

/** Percent off for a coupon; 0 for none and for one that is not known. */
export function couponPercent(coupon: string | undefined): number {
  return coupon === undefined ? 0 : (COUPONS[coupon] ?? 0);
}

export function priceOf(lines: readonly PricedLine[], coupon?: string): Price {
  const netCents = lines.reduce((sum, { count, cents }) => sum + count * cents, 0);
  const volume = lines.reduce(
    (sum, { count, cents }) => sum + (count >= VOLUME_COUNT ? (count * cents * VOLUME_PERCENT) / 100 : 0),
    0,
  );
  const discountCents = Math.round(volume + ((netCents - volume) * couponPercent(coupon)) / 100);
  const taxCents = Math.round(((netCents - discountCents) * TAX_PERCENT) / 100);
  return { netCents, discountCents, taxCents, totalCents: netCents - discountCents + taxCents };
}

/** Shipping by weight: a base and a step for each started kilogram. */
export function shippingCents(grams: number): number {
  return 390 + Math.max(0, Math.ceil(grams / 1000) - 1) * 150;
}
