import { requireNumber, requireText } from "../refuse.ts";
import { join } from "../serve.ts";
import { openBucket } from "../state/bucket.ts";
import { countOf, type Line, release, reserve } from "./stock.ts";

const mesh = await join();
const bucket = await openBucket("inventory");

await mesh.serve({
  stock: async ({ productId }) => ({ count: await countOf(bucket, requireText(productId, "productId")) }),
  reserve: async ({ lines }) => {
    await reserve(bucket, checkLines(lines));
    return {};
  },
  release: async ({ lines }) => {
    await release(bucket, checkLines(lines));
    return {};
  },
});

function checkLines(lines: unknown): Line[] {
  return (Array.isArray(lines) ? lines : []).map(({ productId, count }, i) => ({
    productId: requireText(productId, `lines[${i}].productId`),
    count: requireNumber(count, `lines[${i}].count`, 1, 100),
  }));
}
