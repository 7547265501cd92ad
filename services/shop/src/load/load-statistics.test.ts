import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "@malla/sdk";
import { LoadStatistics } from "./load-statistics.ts";
import { seeded } from "./seeded.ts";
import { shop } from "./shopper.ts";

test("a refusal of the shop is no failure of the mesh", () => {
  const statistics = new LoadStatistics();
  statistics.succeeded(1);
  statistics.failed(new MeshError({ status: "NOT_FOUND", message: "no unicorns" }), 1);
  statistics.failed(MeshError.of("gone", "lost"), 1);
  const { calls, succeeded, refused, failed, failures } = statistics.snapshot();
  assert.deepEqual([calls, succeeded, refused, failed], [3, 1, 1, 1]);
  assert.deepEqual(failures, { "gone: lost": 1 });
});

test("quantiles are right to five percent", () => {
  const statistics = new LoadStatistics();
  for (let ms = 1; ms <= 1_000; ms++) statistics.succeeded(ms);
  const { p50Ms, p99Ms } = statistics.snapshot();
  assert.ok(Math.abs(p50Ms - 500) <= 30 && Math.abs(p99Ms - 990) <= 55, `${p50Ms} ${p99Ms}`);
});

test("shoppers do the same for the same seed, and some check out", async () => {
  const visits = async (): Promise<string[]> => {
    const seen: string[] = [];
    const random = seeded(7);
    for (let i = 0; i < 100; i++) await shop("anna", async (method) => void seen.push(method), random);
    return seen;
  };
  const first = await visits();
  assert.deepEqual(await visits(), first);
  for (const method of ["browse", "product", "addToCart", "cart", "checkout"])
    assert.ok(first.includes(method), method);
});
