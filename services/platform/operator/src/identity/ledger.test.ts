import assert from "node:assert/strict";
import { test } from "node:test";
import { ledgerData, readLedger, withWanted } from "./ledger.ts";
import type { WantedIdentity } from "./wanted-identities.ts";

const NOW = "2026-01-01T00:00:00Z";

function wanted(service: string, application?: string): WantedIdentity {
  return { namespace: "shop", service, role: "service", directTo: [], application, lifetimeMs: 1, owners: [] };
}

test("what is written is read again, in one order", () => {
  const ledger = withWanted(new Map(), [wanted("orders", "SHOP"), wanted("cart")], NOW);
  const data = ledgerData(ledger);
  assert.deepEqual(data, {
    "shop.cart": `{"since":"${NOW}"}`,
    "shop.orders": `{"since":"${NOW}","application":"SHOP"}`,
  });
  assert.deepEqual(
    [...readLedger({ data }).values()].map(({ service }) => service),
    ["cart", "orders"],
  );
});

test("who is in it already stays since then; no news is the same ledger", () => {
  const ledger = withWanted(new Map(), [wanted("orders")], NOW);
  assert.equal(withWanted(ledger, [wanted("orders")], "2027-01-01T00:00:00Z"), ledger);
  const changed = withWanted(ledger, [wanted("orders", "SHOP")], "2027-01-01T00:00:00Z");
  assert.deepEqual(
    [...changed.values()].map(({ since, application }) => [since, application]),
    [[NOW, "SHOP"]],
  );
});

test("what cannot be read is left out", () => {
  const good = `{"since":"${NOW}"}`;
  const data = { "shop.a": good, noservice: good, "a.b.c": good, "shop.b": "{", "shop.c": "{}", "shop.d": "null" };
  assert.deepEqual([...readLedger({ data }).keys()], ["shop.a"]);
  assert.equal(readLedger(undefined).size, 0);
});
