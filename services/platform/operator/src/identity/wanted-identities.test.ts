import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClaimingObject } from "./claims.ts";
import { deployment, guardOf, meshService } from "./objects.test.fixture.ts";
import { type HeldIdentity, type WantedIdentities, wantedIdentities } from "./wanted-identities.ts";

const OPEN = guardOf({ shop: {}, pay: {}, old: {} });
const ORDERS = { "malla.dev/service": "orders" };
const LATER = "2026-02-01T00:00:00Z";
const EARLIER = "2025-01-01T00:00:00Z";

function decide(
  objects: readonly ClaimingObject[],
  held: readonly HeldIdentity[] = [],
  guard = OPEN,
): WantedIdentities {
  return wantedIdentities(objects, held, guard);
}

function wantedWords({ wanted }: WantedIdentities): string[] {
  return wanted.map(({ namespace, service, owners }) => {
    return `${namespace}/${service} for ${owners.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(", ")}`;
  });
}

function refusedWords({ refused }: WantedIdentities): string[] {
  return refused.map(({ owner, reason }) => `${owner.metadata.namespace}/${owner.metadata.name} ${reason}`);
}

test("of two namespaces the older claim has the name, and the other is told whose it is", () => {
  const late = deployment(ORDERS, { namespace: "pay", createdAt: LATER });
  const found = decide([late, deployment(ORDERS)]);
  assert.deepEqual(wantedWords(found), ["shop/orders for Deployment orders"]);
  assert.deepEqual(refusedWords(found), ["pay/orders NameTaken"]);
  assert.match(found.refused[0]?.message ?? "", /belongs to namespace shop/);
  assert.deepEqual([...found.owners], [["orders", "shop"]]);
});

test("of one second the first by namespace", () => {
  const found = decide([deployment(ORDERS), deployment(ORDERS, { namespace: "pay" })]);
  assert.deepEqual([...found.owners], [["orders", "pay"]]);
});

test("who has a name keeps it, however old a Deployment is that is annotated today", () => {
  const old = deployment(ORDERS, { namespace: "old", createdAt: EARLIER });
  const held = [{ namespace: "shop", service: "orders", application: undefined, since: LATER }];
  assert.deepEqual([...decide([old, deployment(ORDERS)], held).owners], [["orders", "shop"]]);
  assert.deepEqual([...decide([old, deployment(ORDERS)]).owners], [["orders", "old"]]);
  assert.deepEqual([...decide([old], held).owners], [["orders", "old"]], "who asks no longer keeps nothing");
});

test("of two that have it, while it changes hands, the first", () => {
  const objects = [deployment(ORDERS), deployment(ORDERS, { namespace: "pay" })];
  const held = [
    { namespace: "shop", service: "orders", application: undefined, since: EARLIER },
    { namespace: "pay", service: "orders", application: undefined, since: LATER },
  ];
  assert.deepEqual([...decide(objects, held).owners], [["orders", "shop"]]);
});

test("a slip of the pen loses the name to nobody", () => {
  const slip = deployment({ ...ORDERS, "malla.dev/role": "operator" });
  const held = [{ namespace: "shop", service: "orders", application: undefined, since: EARLIER }];
  const found = decide([slip, deployment(ORDERS, { namespace: "pay" })], held);
  assert.deepEqual(wantedWords(found), []);
  assert.deepEqual(refusedWords(found), ["shop/orders Invalid", "pay/orders NameTaken"]);
});

test("several workloads of one namespace share a Secret; a MeshService speaks first, others are told", () => {
  const found = decide([
    deployment(ORDERS, { name: "v1", createdAt: EARLIER }),
    deployment({ ...ORDERS, "malla.dev/role": "direct" }, { name: "v2" }),
    meshService({ role: "direct", directTo: [] }, { createdAt: LATER }),
  ]);
  assert.deepEqual(wantedWords(found), ["shop/orders for MeshService orders, Deployment v1, Deployment v2"]);
  assert.equal(found.wanted[0]?.role, "direct");
  assert.deepEqual(refusedWords(found), ["shop/v1 Overruled"]);
  assert.match(
    found.refused[0]?.message ?? "",
    /MeshService orders speaks for service orders.* says role direct, not service/,
  );
});

test("names that namespaces list are theirs, and a namespace outside of the mesh hears nothing", () => {
  const guard = guardOf({ shop: { "malla.dev/services": "orders" }, pay: {} });
  const found = decide(
    [
      deployment(ORDERS, { namespace: "pay", createdAt: EARLIER }),
      deployment(ORDERS),
      deployment(ORDERS, { namespace: "far" }),
    ],
    [],
    guard,
  );
  assert.deepEqual([...found.owners], [["orders", "shop"]]);
  assert.deepEqual(refusedWords(found), ["pay/orders NotAllowed"]);
});

test("an application account belongs to the first namespace, unless namespaces list it", () => {
  const objects = [
    deployment({ "malla.dev/service": "cart", "malla.dev/application": "SHOP" }, { name: "cart" }),
    deployment({ "malla.dev/service": "till", "malla.dev/application": "SHOP" }, { name: "till", namespace: "pay" }),
  ];
  const first = decide(objects);
  assert.deepEqual([...first.owners], [["till", "pay"]]);
  assert.deepEqual(refusedWords(first), ["shop/cart ApplicationTaken"]);
  const held = [{ namespace: "shop", service: "cart", application: "SHOP", since: LATER }];
  assert.deepEqual([...decide(objects, held).owners], [["cart", "shop"]]);
  const lists = { "malla.dev/applications": "SHOP" };
  const shared = decide(objects, [], guardOf({ shop: lists, pay: lists }));
  assert.deepEqual([...shared.owners.keys()].sort(), ["cart", "till"]);
});

test("the order in which objects come has no meaning", () => {
  const objects = [
    deployment(ORDERS, { name: "a", namespace: "pay" }),
    deployment(ORDERS, { name: "b" }),
    meshService({}, { namespace: "old", createdAt: LATER }),
    deployment({ "malla.dev/service": "Bad" }, { name: "c" }),
  ];
  const words = (found: WantedIdentities): unknown => [wantedWords(found), refusedWords(found)];
  assert.deepEqual(words(decide([...objects].reverse())), words(decide(objects)));
});
