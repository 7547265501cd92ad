import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ClaimingObject, claimOf, isRefused } from "./claims.ts";
import { deployment, meshService } from "./objects.test.fixture.ts";

const HOUR_MS = 3_600_000;

function settingsOf(object: ClaimingObject): unknown[] | string | undefined {
  const claim = claimOf(object);
  if (claim === undefined) return undefined;
  if (isRefused(claim)) return `${claim.reason}: ${claim.message}`;
  return [claim.namespace, claim.service, claim.role, claim.directTo, claim.application, claim.lifetimeMs / HOUR_MS];
}

test("an annotation asks for credentials, with defaults", () => {
  const found = settingsOf(deployment({ "malla.dev/service": "orders" }));
  assert.deepEqual(found, ["shop", "orders", "service", [], undefined, 24]);
});

test("all annotations", () => {
  const annotations = {
    "malla.dev/service": "orders",
    "malla.dev/role": "direct",
    "malla.dev/direct-to": "pricing, cart,,cart",
    "malla.dev/application": "SHOP",
    "malla.dev/lifetime-hours": "2",
  };
  assert.deepEqual(settingsOf(deployment(annotations)), ["shop", "orders", "direct", ["cart", "pricing"], "SHOP", 2]);
});

test("a MeshService asks under its own name or another", () => {
  assert.deepEqual(settingsOf(meshService(undefined)), ["shop", "orders", "service", [], undefined, 24]);
  const spec = { service: "cart", role: "direct", directTo: ["orders"], application: "SHOP", lifetimeHours: 720 };
  assert.deepEqual(settingsOf(meshService(spec)), ["shop", "cart", "direct", ["orders"], "SHOP", 720]);
});

test("annotations of the pod template count, the object's before them", () => {
  const template = (annotations: object): object => ({ metadata: { annotations } });
  const onTemplate = { ...deployment({}), spec: { template: template({ "malla.dev/service": "cart" }) } };
  assert.equal(settingsOf(onTemplate)?.[1], "cart");
  const annotations = { "malla.dev/service": "cart" };
  const cronJob = {
    ...deployment({}),
    kind: "CronJob",
    spec: { jobTemplate: { spec: { template: template(annotations) } } },
  };
  assert.equal(settingsOf(cronJob)?.[1], "cart");
  assert.equal(settingsOf({ ...cronJob, spec: { jobTemplate: template(annotations) } })?.[1], "cart");
  const both = { ...deployment({ "malla.dev/service": "orders" }), spec: { template: template(annotations) } };
  assert.match(String(settingsOf(both)), /one service here and another on the pod template/);
});

test("nothing is asked for without an annotation, nor by a Job that a CronJob started", () => {
  assert.equal(claimOf(deployment({ "malla.dev/role": "direct" })), undefined);
  const job = deployment({ "malla.dev/service": "orders" });
  const ownerReferences = [{ kind: "CronJob", controller: true }];
  assert.equal(claimOf({ ...job, kind: "Job", metadata: { ...job.metadata, ownerReferences } }), undefined);
  assert.notEqual(claimOf({ ...job, kind: "Job" }), undefined);
});

const refused: readonly [object, RegExp][] = [
  [{ service: "Orders" }, /service "Orders": use 1 to 63/],
  [{ service: "" }, /use 1 to 63/],
  [{ service: 7 }, /service 7/],
  [{ service: "a.b" }, /use 1 to 63/],
  ...["mesh", "operator", "router", "gateway", "service", "application", "srv", "guest"].map(
    (service): [object, RegExp] => [{ service }, /the name is reserved/],
  ),
  [{ service: "router-a" }, /are for routers/],
  ...["router", "operator", "observer", "gateway", "micro", "application", 1, {}].map((role): [object, RegExp] => [
    { role },
    /a workload may have service or direct/,
  ]),
  [{ directTo: ["cart"] }, /only role direct/],
  [{ role: "direct", directTo: ["*"] }, /direct target "\*"/],
  [{ role: "direct", directTo: ["router-a"] }, /direct target "router-a"/],
  [{ role: "direct", directTo: [null] }, /direct target null/],
  [{ role: "direct", directTo: "cart" }, /spec.directTo must be a list/],
  [{ role: "direct", directTo: Array.from({ length: 257 }, (_, index) => `s${index}`) }, /at most 256/],
  [{ application: "CTRL" }, /application "CTRL"/],
  [{ application: "shop" }, /application "shop"/],
  [{ lifetimeHours: 0 }, /lifetime of 0 hours/],
  [{ lifetimeHours: 721 }, /from 1 to 720/],
  [{ lifetimeHours: 1.5 }, /lifetime of 1.5 hours/],
];
for (const [spec, why] of refused) {
  test(`refused: ${JSON.stringify(spec).slice(0, 60)}`, () => {
    const found = settingsOf(meshService(spec));
    assert.match(String(found), why);
    assert.match(String(found), /^Invalid: /);
  });
}

test("a lifetime that is no number is refused", () => {
  const annotations = { "malla.dev/service": "orders", "malla.dev/lifetime-hours": "1e3" };
  assert.match(String(settingsOf(deployment(annotations))), /lifetime of "1e3" hours/);
});

test("never throws, and what is accepted is never a role of the mesh's own", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 2 }), (spec, annotations) => {
      for (const object of [meshService(spec), { ...deployment({}), spec, metadata: { name: "a", annotations } }]) {
        const claim = claimOf(object as ClaimingObject);
        if (claim === undefined || isRefused(claim)) continue;
        assert.ok(claim.role === "service" || claim.role === "direct");
      }
    }),
    { numRuns: 2_000, seed: 3 },
  );
});
