import { requireNumber, requireText } from "../refuse.ts";
import { join } from "../serve.ts";
import { openBucket } from "../state/bucket.ts";
import { labelFor } from "./label.ts";

const mesh = await join();
const bucket = await openBucket("shipping");

await mesh.serve({
  quote: async ({ grams }) =>
    await mesh.call("pricing", "shipping", { grams: requireNumber(grams, "grams", 0, 1_000_000) }),
  label: async ({ orderId, grams }) => {
    const id = requireText(orderId, "orderId");
    const label = labelFor(id, requireNumber(grams, "grams", 0, 1_000_000));
    await bucket.write(id, { label });
    return { label };
  },
  track: async ({ orderId }) => (await bucket.read(requireText(orderId, "orderId"))) ?? { label: null },
});
