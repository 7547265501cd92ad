// The inner side of `Program`: says that it is ready, answers orders one after the other, ends with whoever started it.
import { type Answer, type Order, READY } from "../program.ts";
import { errorText } from "../transport.ts";

export function readSettings<Settings>(): Settings {
  return JSON.parse(process.env.SETTINGS ?? "{}") as Settings;
}

/** `start` resolves to what is said when ready; its failure ends the process. */
export async function answerOrders(
  start: () => Promise<unknown>,
  obey: (order: unknown) => Promise<unknown> = async () => undefined,
): Promise<void> {
  process.on("disconnect", () => process.exit(0));
  // A message that cannot be sent has nobody to hear it.
  const say = (answer: Answer): void => void process.send?.(answer, () => undefined);
  process.on("message", (message) => {
    const { id, order } = message as Order;
    obey(order).then(
      (answer) => say({ id, answer }),
      (error: unknown) => say({ id, error: errorText(error) }),
    );
  });
  try {
    say({ id: READY, answer: (await start()) ?? null });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  }
}
