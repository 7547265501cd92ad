// A router that is nearly full: who is refused first, who last, and that nobody takes more than his share.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Mesh, MeshError, type Priority } from "@malla/sdk";
import { eventually, startMesh, type TestMesh } from "../harness/index.ts";

const MAX_IN_FLIGHT = 20;
const MAX_BYTES_PER_PRINCIPAL = 1024 * 1024;

let mesh: TestMesh;
let release: (() => void)[] = [];
let trusted: Mesh;
let other: Mesh;

before(async () => {
  mesh = await startMesh({ maxInFlight: MAX_IN_FLIGHT, maxBytesPerPrincipal: MAX_BYTES_PER_PRINCIPAL });
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: desk }
spec: { service: desk, maxPriority: { critical: [trusted] } }
`);
  await mesh.service("desk", {
    hold: async () => await new Promise<void>((resolve) => release.push(resolve)),
    ask: () => "answer",
  });
  trusted = await mesh.caller("trusted");
  other = await mesh.caller("other");
  await mesh.routersHeard();
});

after(async () => {
  await mesh?.stop();
});

/** Runs with so many calls held at the router. */
async function holding(count: number, work: () => Promise<void>): Promise<void> {
  // Critical, since the last places are for no others.
  const options = { timeoutMs: 30_000, priority: "critical" } as const;
  const held = Array.from({ length: count }, async () => await trusted.call("desk", "hold", {}, options));
  await eventually(() => assert.equal(release.length, count));
  try {
    await work();
  } finally {
    for (const resolve of release) resolve();
    release = [];
    await Promise.all(held);
  }
}

async function ask(caller: Mesh, priority: Priority): Promise<string> {
  try {
    return await caller.call<string>("desk", "ask", {}, { priority });
  } catch (error) {
    assert.ok(error instanceof MeshError, String(error));
    return `${error.reason} (${error.origin})`;
  }
}

test("at 80 % sheddable calls are refused, the others are not", async () => {
  await holding(MAX_IN_FLIGHT * 0.8, async () => {
    assert.equal(await ask(other, "sheddable"), "overloaded (router)");
    assert.equal(await ask(other, "default"), "answer");
  });
  assert.equal(await ask(other, "sheddable"), "answer");
});

test("at 95 % only critical calls of those the service trusts with it are let in", async () => {
  await holding(MAX_IN_FLIGHT * 0.95, async () => {
    assert.equal(await ask(trusted, "critical"), "answer");
    assert.equal(await ask(trusted, "default"), "overloaded (router)");
    assert.equal(await ask(other, "critical"), "overloaded (router)");
  });
});

test("full is full", async () => {
  await holding(MAX_IN_FLIGHT, async () => assert.equal(await ask(trusted, "critical"), "overloaded (router)"));
});

test("a principal whose calls hold its bytes is refused, another is not", async () => {
  const large = Buffer.alloc(600 * 1024);
  // Guests send no frames: their payloads go through the router.
  const [bulky, modest] = [
    await mesh.caller("bulky", { role: "guest" }),
    await mesh.caller("modest", { role: "guest" }),
  ];
  const held = bulky.call("desk", "hold", large, { timeoutMs: 30_000 });
  await eventually(() => assert.equal(release.length, 1));
  await assert.rejects(bulky.call("desk", "ask", large), { reason: "overloaded", origin: "router" });
  assert.equal(await modest.call("desk", "ask", large), "answer");
  for (const resolve of release) resolve();
  release = [];
  await held;
  assert.equal(await bulky.call("desk", "ask", large), "answer");
});

test("a caller that awaits nothing is refused by its own connection, which recovers", async () => {
  const eager = await mesh.caller("eager", { maxOutgoingCalls: 5 });
  await mesh.routersHeard();
  const calls = Array.from({ length: 12 }, async () => await eager.call("desk", "ask", {}));
  const outcomes = await Promise.allSettled(calls);
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 5);
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") continue;
    const { reason, origin } = outcome.reason as MeshError;
    assert.deepEqual([reason, origin], ["overloaded", "sdk"]);
  }
  assert.equal(await eager.call("desk", "ask", {}), "answer");
});
