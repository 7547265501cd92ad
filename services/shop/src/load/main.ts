// Many people at a time who shop without pause, and a line a second on what they saw.
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "../serve.ts";
import { LoadStatistics } from "./load-statistics.ts";
import { seeded } from "./seeded.ts";
import { shop } from "./shopper.ts";

/** People in the shop at a time. */
const SHOPPERS = Number(process.env["SHOP_SHOPPERS"] ?? 20);
/** A person thinks so long between two visits at most, in ms. */
const THINK_MS = Number(process.env["SHOP_THINK_MS"] ?? 50);
/** Names are used again, so that carts and state stay bounded. */
const NAMES = 2_000;
const REPORT_MS = 1_000;

const mesh = await join();
const statistics = new LoadStatistics();
let open = true;

async function person(seed: number): Promise<void> {
  const random = seeded(seed);
  const visit = async (method: string, request: object): Promise<void> => {
    await sleep(random() * THINK_MS);
    if (!open) return;
    const startedAt = performance.now();
    try {
      await mesh.call("storefront", method, request, { timeoutMs: 5_000 });
      statistics.succeeded(performance.now() - startedAt);
    } catch (error) {
      statistics.failed(error, performance.now() - startedAt);
    }
  };
  while (open) await shop(`shopper-${Math.floor(random() * NAMES)}`, visit, random);
}

function report(final: boolean): void {
  process.stdout.write(`${JSON.stringify({ type: "load", ...(final ? { final } : {}), ...statistics.snapshot() })}\n`);
}

function close(): void {
  open = false;
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, close);
const reporting = setInterval(() => report(false), REPORT_MS);
await Promise.all(Array.from({ length: SHOPPERS }, async (_, i) => person(i + 1)));
clearInterval(reporting);
report(true);
await mesh.drain();
