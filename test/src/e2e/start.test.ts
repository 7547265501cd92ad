// `npm start`, as the README has it: the shop under load, with an instance and a router killed on the way.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { CommandLine } from "./command-line.ts";

interface RunFile {
  readonly routers: readonly { readonly name: string; readonly pid: number }[];
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

const line = new CommandLine();
after(async () => line.close());

test("the shop runs under load, survives a killed instance and a killed router, and ends by itself", async () => {
  const shop = line.start(["start", "--for", "20s", "--json", "--port", "-1", "--metrics-port", "0"]);
  await shop.until("the shop is open", 120_000);
  const { routers, processes } = JSON.parse(readFileSync(join(line.folder, ".malla/run.json"), "utf8")) as RunFile;
  const pidOf = (list: RunFile["processes"], name: string): number =>
    list.find((entry) => entry.name === name)?.pid ?? 0;

  // A guest may list, may not pay, and a canary goes in, all under load.
  const listed = line.run(["call", "catalog", "list", "{}", "-o", "json"]);
  assert.equal(listed.code, 0, listed.stderr);
  assert.ok((JSON.parse(listed.stdout) as { products: unknown[] }).products.length > 10);
  const denied = line.run(["call", "payments", "Charge", "{}"]);
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /PERMISSION_DENIED \(denied\).*payments-only-for-orders/);
  const canary = line.run([
    "apply",
    "-f",
    join(import.meta.dirname, "../../../services/shop/policies-examples/catalog-canary.yaml"),
    "--wait",
  ]);
  assert.equal(canary.code, 0, canary.stderr);
  assert.match(canary.stdout, /in force at all 2 routers/);

  const catalog = pidOf(processes, "catalog-1");
  const router = pidOf(routers, "router-2");
  assert.ok(catalog > 0 && router > 0);
  process.kill(catalog, "SIGKILL");
  await shop.until("catalog-1 was ended by SIGKILL; starting it again");
  process.kill(router, "SIGKILL");
  await shop.until("router-2 was ended by SIGKILL; starting it again");

  const { code, stdout, stderr } = await shop.ended;
  const summary = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, number> & {
    services: Record<string, { calls: number }>;
  };
  for (const field of [
    "durationSeconds",
    "calls",
    "succeeded",
    "refused",
    "failed",
    "retries",
    "callsPerSecond",
    "p50Ms",
    "p99Ms",
  ]) {
    assert.equal(typeof summary[field], "number", field);
  }
  assert.ok((summary["calls"] ?? 0) > 2_000, stdout);
  assert.ok((summary["refused"] ?? 0) > 0, "some shoppers are refused by the shop itself");
  for (const service of [
    "storefront",
    "catalog",
    "inventory",
    "cart",
    "pricing",
    "orders",
    "payments",
    "shipping",
    "recommendations",
  ]) {
    assert.ok((summary.services[service]?.calls ?? 0) > 0, `${service} was called`);
  }
  // A killed router takes the calls it was carrying with it; nothing else may be lost.
  assert.ok((summary["failed"] ?? 0) <= (summary["calls"] ?? 0) / 100, `${stdout}\n${stderr.slice(-4_000)}`);
  assert.equal(code, (summary["failed"] ?? 0) <= (summary["calls"] ?? 0) / 1_000 ? 0 : 1);
});
