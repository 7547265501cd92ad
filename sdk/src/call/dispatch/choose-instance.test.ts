import assert from "node:assert/strict";
import { test } from "node:test";
import type { Destination, RouteDocument, ServicePolicyDocument } from "../../contract/index.ts";
import { Registry } from "../../discovery/registry.ts";
import { emptyPolicy, type Policy } from "../../engine/index.ts";
import { exchangeOf, instanceState, policyOf } from "../../testing/exchange-fixture.ts";
import { seededRandom } from "../../testing/seeded-random.ts";
import { type Choice, chooseInstance, drawDestination } from "./choose-instance.ts";

const NOW = 1_000;

function registryOf(
  instances: Readonly<Record<string, Parameters<typeof instanceState>[0]>>,
  service = "orders",
): Registry {
  const registry = new Registry();
  for (const [id, state] of Object.entries(instances)) registry.announce("sdk", service, id, instanceState(state), NOW);
  return registry;
}

function route(...destinations: readonly Destination[]): Policy {
  const document: RouteDocument = {
    apiVersion: "malla.dev/v1",
    kind: "Route",
    metadata: { name: "r" },
    spec: { match: { service: "orders" }, destinations },
  };
  return policyOf(document);
}

function choose(registry: Registry, policy = emptyPolicy, tried: readonly string[] = [], seed = 1): Choice {
  const exchange = exchangeOf(NOW, {}, policy);
  const random = seededRandom(seed);
  const destination = drawDestination(exchange, registry, random);
  const instances = tried.map((id) => registry.instance("orders", id) ?? assert.fail(id));
  return chooseInstance(exchange, destination, instances, registry, NOW, random);
}

test("nobody, draining, gone or suspect: no instance, and the service is named", () => {
  assert.deepEqual([choose(new Registry()).refusal, choose(new Registry()).service], ["no-instance", "orders"]);
  assert.equal(choose(registryOf({ a: { phase: "draining" } })).refusal, "no-instance");
  const registry = registryOf({ a: {} });
  registry.suspect(registry.instance("orders", "a") ?? assert.fail(), NOW);
  const choice = choose(registry);
  assert.equal(choice.instance, undefined);
  assert.match(choice.message, /no instance of orders/);
});

test("a destination takes only instances of its versions and tags", () => {
  const registry = registryOf({
    a: { version: "1.4.0", tags: { zone: "x" } },
    b: { version: "2.0.0", tags: { zone: "x" } },
    c: { version: "2.1.0", tags: { zone: "y" } },
  });
  for (let seed = 0; seed < 20; seed++) {
    assert.equal(choose(registry, route({ version: "1.x", weight: 1 }), [], seed).instance?.id, "a");
    assert.equal(
      choose(registry, route({ version: "2.x", tags: { zone: "y" }, weight: 1 }), [], seed).instance?.id,
      "c",
    );
  }
});

test("which instances a destination takes follows the service's changes", () => {
  const registry = registryOf({ a: { version: "1.0.0" } });
  const policy = route({ version: "1.x", weight: 1 });
  assert.equal(choose(registry, policy).instance?.id, "a");
  registry.announce("sdk", "orders", "a", instanceState({ version: "2.0.0" }), NOW);
  assert.throws(() => choose(registry, policy), { reason: "no-instance" });
  registry.announce("sdk", "orders", "b", instanceState({ version: "1.1.0" }), NOW);
  assert.equal(choose(registry, policy).instance?.id, "b");
});

test("the share is drawn first: a destination without instances is a refusal, unless its share may go elsewhere", () => {
  const registry = registryOf({ a: { version: "1.0.0" } });
  assert.throws(() => choose(registry, route({ version: "2.x", weight: 1 })), {
    reason: "no-instance",
    status: "UNAVAILABLE",
  });
  const failover = route({ version: "2.x", weight: 1, failover: "any" }, { version: "1.x", weight: 0 });
  assert.equal(choose(registry, failover).instance?.id, "a");
});

test("a destination may be another service", () => {
  const registry = registryOf({ z: {} }, "orders-next");
  const choice = choose(registry, route({ service: "orders-next", weight: 1 }));
  assert.deepEqual([choice.instance?.id, choice.service], ["z", "orders-next"]);
});

test("who was tried is passed over while others are left", () => {
  const registry = registryOf({ a: {}, b: {}, c: {} });
  for (let seed = 0; seed < 30; seed++) {
    assert.equal(choose(registry, emptyPolicy, ["a", "b"], seed).instance?.id, "c");
    assert.notEqual(choose(registry, emptyPolicy, ["a", "b", "c"], seed).instance, undefined);
  }
});

test("a half-open instance is probed by one call, and not again by the call it refused", () => {
  const registry = registryOf({ a: {}, b: {}, c: {} });
  const sick = registry.instance("orders", "a") ?? assert.fail();
  sick.outlier.untilMs = NOW;
  sick.outlier.group.open = 1;
  sick.outlier.group.changes++;
  for (let seed = 0; seed < 20; seed++) {
    assert.equal(choose(registry, emptyPolicy, [], seed).instance?.id, "a");
    assert.notEqual(choose(registry, emptyPolicy, ["a"], seed).instance?.id, "a");
  }
  assert.equal(choose(registry, emptyPolicy, ["a", "b"]).instance?.id, "c");
});

test("full is what the instance announced, or what the policy says, whichever is less", () => {
  const cap: ServicePolicyDocument = {
    apiVersion: "malla.dev/v1",
    kind: "ServicePolicy",
    metadata: { name: "p" },
    spec: { service: "orders", maxInFlight: 2 },
  };
  const CASES: readonly { announced: number; policy: Policy; inFlight: number; full: boolean }[] = [
    { announced: 3, policy: emptyPolicy, inFlight: 2, full: false },
    { announced: 3, policy: emptyPolicy, inFlight: 3, full: true },
    { announced: 3, policy: policyOf(cap), inFlight: 2, full: true },
    { announced: 1, policy: policyOf(cap), inFlight: 1, full: true },
    { announced: 0, policy: policyOf(cap), inFlight: 1, full: false },
    { announced: 0, policy: policyOf(cap), inFlight: 2, full: true },
    { announced: 0, policy: emptyPolicy, inFlight: 10_000, full: false },
  ];
  for (const { announced, policy, inFlight, full } of CASES) {
    const registry = registryOf({ a: { maxInFlight: announced } });
    const { load } = registry.instance("orders", "a") ?? assert.fail();
    for (let i = 0; i < inFlight; i++) load.started(NOW);
    const choice = choose(registry, policy);
    assert.deepEqual(
      [choice.instance === undefined, choice.refusal === "overloaded"],
      [full, full],
      JSON.stringify({ announced, inFlight }),
    );
  }
});

test("a full instance does not take calls from one with room", () => {
  const registry = registryOf({ a: { maxInFlight: 1 }, b: { maxInFlight: 50 } });
  registry.instance("orders", "a")?.load.started(NOW);
  for (let seed = 0; seed < 30; seed++) assert.equal(choose(registry, emptyPolicy, [], seed).instance?.id, "b");
});
