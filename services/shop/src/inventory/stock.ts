// Stock by compare-and-set: two orders for the last mug, one gets it.
import { refusal } from "../refuse.ts";
import type { Bucket } from "../state/bucket.ts";

/** What a product starts with, and is restocked to. */
export const FULL_STOCK = 500;
/** Below this the supplier delivers; until the last ones are gone the shelf can run empty for a moment. */
const RESTOCK_BELOW = 3;

export interface Line {
  readonly productId: string;
  readonly count: number;
}

interface Shelf {
  readonly count: number;
}

export async function countOf(bucket: Bucket, productId: string): Promise<number> {
  return (await bucket.read<Shelf>(productId))?.count ?? FULL_STOCK;
}

/** Takes all lines, or none: what was taken is put back if a later line cannot be. */
export async function reserve(bucket: Bucket, lines: readonly Line[]): Promise<void> {
  const taken: Line[] = [];
  try {
    for (const line of lines) {
      await take(bucket, line);
      taken.push(line);
    }
  } catch (error) {
    await release(bucket, taken);
    throw error;
  }
}

async function take(bucket: Bucket, { productId, count }: Line): Promise<void> {
  await bucket.update<Shelf>(productId, (shelf) => {
    const left = (shelf?.count ?? FULL_STOCK) - count;
    if (left < 0) throw refusal("FAILED_PRECONDITION", `there are not ${count} of ${productId} in stock`);
    return { count: left < RESTOCK_BELOW ? left + FULL_STOCK : left };
  });
}

export async function release(bucket: Bucket, lines: readonly Line[]): Promise<void> {
  for (const { productId, count } of lines) {
    await bucket.update<Shelf>(productId, (shelf) => ({ count: (shelf?.count ?? FULL_STOCK) + count }));
  }
}
