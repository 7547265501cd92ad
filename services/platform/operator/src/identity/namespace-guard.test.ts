import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSelector } from "./label-selector.ts";
import { NamespaceGuard, type NamespaceObject } from "./namespace-guard.ts";

const MESH = { "malla.dev/mesh": "true" };

function namespace(
  name: string,
  annotations: Record<string, string> = {},
  labels: Record<string, string> = MESH,
): NamespaceObject {
  return { metadata: { name, labels, annotations } };
}

function guardOf(...namespaces: NamespaceObject[]): NamespaceGuard {
  return new NamespaceGuard(namespaces, parseSelector("malla.dev/mesh=true"));
}

test("only namespaces that are selected have names", () => {
  const guard = guardOf(namespace("shop"), namespace("other", {}, {}));
  assert.equal(guard.refusal("shop", "service", "orders"), undefined);
  assert.match(guard.refusal("other", "service", "orders") ?? "", /not part of the mesh/);
  assert.match(guard.refusal("gone", "service", "orders") ?? "", /not known/);
  assert.deepEqual([guard.isOpen("shop"), guard.isOpen("other"), guard.isOpen("gone")], [true, false, false]);
});

test("a namespace with a list has what it lists, and nobody else has", () => {
  const guard = guardOf(namespace("shop", { "malla.dev/services": "orders, cart-*" }), namespace("pay"));
  assert.equal(guard.refusal("shop", "service", "orders"), undefined);
  assert.equal(guard.refusal("shop", "service", "cart-eu"), undefined);
  assert.match(guard.refusal("shop", "service", "payments") ?? "", /does not list it/);
  assert.match(guard.refusal("pay", "service", "orders") ?? "", /is listed by another namespace/);
  assert.match(guard.refusal("pay", "service", "cart-us") ?? "", /is listed by another namespace/);
  assert.doesNotMatch(guard.refusal("pay", "service", "orders") ?? "", /shop/);
  assert.equal(guard.refusal("pay", "service", "payments"), undefined);
  assert.equal(guard.refusal("pay", "application", "orders"), undefined);
});

test("a list of * takes all and keeps nobody out; an empty one takes nothing", () => {
  const guard = guardOf(
    namespace("all", { "malla.dev/services": "*" }),
    namespace("none", { "malla.dev/services": "" }),
    namespace("pay"),
  );
  assert.equal(guard.refusal("all", "service", "orders"), undefined);
  assert.equal(guard.refusal("pay", "service", "orders"), undefined);
  assert.match(guard.refusal("none", "service", "orders") ?? "", /does not list it/);
});

test("a namespace that is not selected reserves nothing", () => {
  const guard = guardOf(namespace("pay"), namespace("other", { "malla.dev/services": "orders" }, {}));
  assert.equal(guard.refusal("pay", "service", "orders"), undefined);
});

test("application accounts have a list of their own, and dots mean dots", () => {
  const guard = guardOf(namespace("shop", { "malla.dev/applications": "SHOP,A.B" }), namespace("pay"));
  assert.equal(guard.isListed("shop", "application", "SHOP"), true);
  assert.equal(guard.isListed("shop", "application", "AxB"), false);
  assert.match(guard.refusal("pay", "application", "SHOP") ?? "", /application account SHOP is listed by another/);
});
