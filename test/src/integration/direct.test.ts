// Calls past the routers: who may, when they go that way, and who has the last word. What a call does once it is on its way is tested
// for both ways by the other files (section `integration-direct`).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type CallContext, type Mesh, MeshError } from "@malla/sdk";
import { eventually, rejection, startMesh, type TestMesh } from "../harness/index.ts";

let mesh: TestMesh;
let clerk: Mesh;
let caller: Mesh;
const HANDLERS = {
  // More than the broker carries in one message.
  large: (bytes: number) => new Uint8Array(bytes).fill(7),
  echo: (value: unknown) => value,
  who: (_: unknown, { principal }: CallContext) => principal,
};

before(async () => {
  mesh = await startMesh();
  clerk = await mesh.service("clerk", HANDLERS);
  await mesh.service("cook", { echo: () => "cook" });
  caller = await mesh.caller("asker", { directTo: ["clerk"] });
  await mesh.routersHeard();
  await reaches(1);
});

after(async () => {
  await mesh?.stop();
});

async function reaches(instances: number, who = caller): Promise<void> {
  await eventually(() => assert.equal(who.directInstances("clerk"), instances), { withinMs: 8_000 });
}

/** Calls of these services that went through a router while `work` ran. */
async function routedDuring(work: () => Promise<unknown>): Promise<number> {
  const [router] = mesh.routers;
  assert.ok(router);
  const count = async (): Promise<number> => await mesh.metric(router, "mesh_requests_total", { caller: "asker" });
  const before = await count();
  await work();
  return (await count()) - before;
}

test("a call with role direct goes past the routers as soon as the instance has said that it is there", async () => {
  const routed = await routedDuring(async () => {
    assert.deepEqual(await caller.call("clerk", "echo", { a: 1 }), { a: 1 });
    assert.equal(await caller.call("clerk", "who"), "asker");
  });
  assert.equal(routed, 0);
});

test("a reply too large for one message comes in frames, past the routers as well", async () => {
  const routed = await routedDuring(async () => {
    const replies = await Promise.all(
      [40_000, 256 * 1024, 3 * 1024 * 1024].map(async (bytes) => await caller.call("clerk", "large", bytes)),
    );
    assert.deepEqual(
      replies.map((reply: Uint8Array) => [reply.length, reply.every((byte) => byte === 7)]),
      [
        [40_000, true],
        [256 * 1024, true],
        [3 * 1024 * 1024, true],
      ],
    );
  });
  assert.equal(routed, 0);
});

test("one that is given up while it comes leaves nothing behind, and the next one comes", async () => {
  const controller = new AbortController();
  const running = caller.call("clerk", "large", 60 * 1024 * 1024, { signal: controller.signal, timeoutMs: 20_000 });
  setTimeout(() => controller.abort(), 60);
  const error = await rejection(running);
  assert.ok(error instanceof MeshError);
  assert.equal(error.reason, "cancelled");
  assert.equal((await caller.call("clerk", "large", 100_000)).length, 100_000);
});

test("what needs a router goes through one, and nobody sees a difference", async () => {
  const cases: Readonly<Record<string, () => Promise<unknown>>> = {
    "an idempotency key": () => caller.call("clerk", "echo", 1, { idempotencyKey: "k" }),
    "a user's token": () => caller.call("clerk", "echo", 1, { userToken: "a.b.c" }),
    "more than 32 KiB": () => caller.call("clerk", "echo", new Uint8Array(32 * 1024 + 1)),
    "a service that is no target": () => caller.call("cook", "echo", 1),
  };
  for (const [what, call] of Object.entries(cases)) assert.equal(await routedDuring(call), 1, what);
  assert.equal(await routedDuring(() => caller.call("clerk", "echo", new Uint8Array(32 * 1024))), 0);
});

test("a ServicePolicy that forbids direct calls sends them through routers", async () => {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: clerk }
spec: { service: clerk, direct: false }
`);
  await eventually(() => assert.ok(caller.policyRevision > 0 && clerk.policyRevision > 0));
  assert.equal(await routedDuring(() => caller.call("clerk", "echo", 1)), 1);
  await mesh.remove("ServicePolicy/clerk");
  await eventually(() => assert.ok(caller.policyRevision > 1 && clerk.policyRevision > 1));
  assert.equal(await routedDuring(() => caller.call("clerk", "echo", 1)), 0);
});

test("a Route holds for direct calls too; one that may lead elsewhere sends them through a router", async () => {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: Route
metadata: { name: renamed }
spec: { match: { service: clerk, methods: [ask] }, destinations: [{ weight: 100 }], rewrite: { method: who } }
---
apiVersion: malla.dev/v1
kind: Route
metadata: { name: away }
spec: { match: { service: clerk, methods: [echo], headers: { x-away: { exact: "yes" } } }, destinations: [{ service: cook, weight: 100 }] }
`);
  await eventually(() => assert.ok(caller.policyRevision > 2 && clerk.policyRevision > 2));
  assert.equal(await routedDuring(async () => assert.equal(await caller.call("clerk", "ask"), "asker")), 0);
  const away = { headers: { "x-away": "yes" } };
  assert.equal(await routedDuring(async () => assert.equal(await caller.call("clerk", "echo", 1, away), "cook")), 1);
  await mesh.remove("Route/renamed", "Route/away");
});

test("an AccessPolicy denies a direct call before it is sent, and allows the others", async () => {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: clerk }
spec: { service: clerk, action: allow, rules: [{ principals: [asker], methods: [echo] }] }
`);
  await eventually(async () => {
    const error = await rejection(caller.call("clerk", "who"));
    assert.ok(error instanceof MeshError);
    assert.deepEqual([error.status, error.reason, error.origin], ["PERMISSION_DENIED", "denied", "sdk"]);
    assert.match(error.message, /asker may not call clerk\.who/);
  });
  assert.equal(await routedDuring(() => caller.call("clerk", "echo", 1)), 0);
  await mesh.remove("AccessPolicy/clerk");
  await eventually(async () => assert.equal(await caller.call("clerk", "who"), "asker"));
});

test("with no instance left calls go routed, wait there, and go direct again when one is back", async () => {
  await mesh.leave(clerk);
  await reaches(0);
  const waiting = caller.call("clerk", "echo", "patient");
  await sleep(300);
  clerk = await mesh.service("clerk", HANDLERS);
  assert.equal(await waiting, "patient");
  await reaches(1);
  assert.equal(await routedDuring(() => caller.call("clerk", "echo", 1)), 0);
});

test("without any router direct calls go on", async () => {
  const [router] = mesh.routers;
  await router?.drain();
  for (let n = 0; n < 20; n++) assert.equal(await caller.call("clerk", "echo", n), n);
});
