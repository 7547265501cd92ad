import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MeshError, type RouteDocument, type ServicePolicyDocument } from "../contract/index.ts";
import { Registry } from "../discovery/registry.ts";
import { emptyPolicy, type Policy } from "../engine/index.ts";
import { exchangeOf, instanceState, policyOf } from "../testing/exchange-fixture.ts";
import { authorize } from "./authorize.ts";
import type { Exchange } from "./exchange.ts";
import { requireTarget, route } from "./route.ts";

const servicePolicy: ServicePolicyDocument = {
  apiVersion: "malla.dev/v1",
  kind: "ServicePolicy",
  metadata: { name: "p" },
  spec: { service: "orders", timeoutMs: 700, idempotentMethods: ["get"] },
};
const rewriting: RouteDocument = {
  apiVersion: "malla.dev/v1",
  kind: "Route",
  metadata: { name: "r" },
  spec: { match: { service: "orders" }, destinations: [{ weight: 1 }], rewrite: { method: "get" }, timeoutMs: 300 },
};
const factsOf = ({ principal, service, method }: Exchange): Parameters<typeof route>[1] => ({
  principal,
  service,
  method,
  header: () => undefined,
});

test("without a Route a call keeps its method and has its service's settings", () => {
  const exchange = exchangeOf(0, {}, policyOf(servicePolicy));
  route(exchange, factsOf(exchange));
  assert.deepEqual([exchange.route, exchange.targetMethod, exchange.settings.timeoutMs], [undefined, "place", 700]);
});

test("a Route's rewrite and its own words stand before the service's", () => {
  const exchange = exchangeOf(0, { targetMethod: "place" }, policyOf(servicePolicy, rewriting));
  route(exchange, factsOf(exchange));
  assert.deepEqual([exchange.route?.name, exchange.targetMethod, exchange.settings.timeoutMs], ["r", "get", 300]);
});

describe("the target", () => {
  const check = (registry: Registry, policy: Policy, method = "place"): string | Exchange => {
    const exchange = exchangeOf(0, { method, targetMethod: method }, policy);
    route(exchange, factsOf(exchange));
    try {
      requireTarget(exchange, registry, policy);
      return exchange;
    } catch (error) {
      assert.ok(error instanceof MeshError);
      return error.reason;
    }
  };
  const registryOf = (...states: Parameters<typeof instanceState>[0][]): Registry => {
    const registry = new Registry();
    for (const [i, state] of states.entries()) registry.announce("sdk", "orders", `i${i}`, instanceState(state), 0);
    return registry;
  };

  test("that nobody has announced and no policy names is no service", () =>
    assert.equal(check(new Registry(), emptyPolicy), "no-service"));
  test("that a policy names is known at zero", () =>
    assert.equal(typeof check(new Registry(), policyOf(servicePolicy)), "object"));
  test("that was there and is not now is known", () => {
    const registry = registryOf({});
    registry.forget("orders", "i0");
    assert.equal(typeof check(registry, emptyPolicy), "object");
  });
  test("has the method if any instance has it, a draining one too", () => {
    assert.equal(check(registryOf({ methods: ["get"] }), emptyPolicy), "no-method");
    assert.equal(
      typeof check(registryOf({ methods: ["get"] }, { methods: ["place"], phase: "draining" }), emptyPolicy),
      "object",
    );
    assert.equal(typeof check(registryOf({ methods: [] }), emptyPolicy), "object");
  });
  test("may be repeated if the policy or its contract says so", () => {
    const idempotent = (outcome: string | Exchange): boolean => typeof outcome === "object" && outcome.idempotent;
    assert.ok(!idempotent(check(registryOf({}), emptyPolicy)));
    assert.ok(idempotent(check(registryOf({ methods: ["get"] }), policyOf(servicePolicy), "get")));
    assert.ok(idempotent(check(registryOf({ methods: ["place"], idempotentMethods: ["place"] }), emptyPolicy)));
    const mixed = registryOf({ methods: ["place"], idempotentMethods: ["place"] }, { methods: ["place"] });
    assert.ok(!idempotent(check(mixed, emptyPolicy)), "the next attempt may go to the one that does not say so");
  });
});

test("a denial names who, what and the rule, and who refused", () => {
  const policy = policyOf({
    apiVersion: "malla.dev/v1",
    kind: "AccessPolicy",
    metadata: { name: "closed" },
    spec: { service: "orders", action: "deny", mode: "enforce", rules: [] },
  });
  assert.throws(
    () =>
      authorize(policy, { principal: "cart", service: "orders", method: "place", header: () => undefined }, "router"),
    (error) =>
      error instanceof MeshError &&
      error.reason === "denied" &&
      error.origin === "router" &&
      /cart may not call orders\.place.*closed/.test(error.message),
  );
  assert.ok(
    authorize(emptyPolicy, { principal: "cart", service: "orders", method: "place", header: () => undefined }, "sdk")
      .allowed,
  );
});
