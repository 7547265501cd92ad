// Calls past the routers: who may, when they go that way, and who has the last word.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Mesh } from "@malla/sdk";
import { eventually, startMesh, type TestMesh } from "../harness/index.ts";

let mesh: TestMesh;
let caller: Mesh;

before(async () => {
  mesh = await startMesh();
  await mesh.service("clerk", { echo: (value: unknown) => value, who: (_: unknown, { principal }) => principal });
  caller = await mesh.caller("asker", { directTo: ["clerk"] });
});

after(async () => {
  await mesh?.stop();
});

async function carried(): Promise<number> {
  const [router] = mesh.routers;
  return await mesh.metric(router ?? assert.fail(), "mesh_requests_total", { reporter: "router", service: "clerk" });
}

test("a call with role direct goes past the routers as soon as the instance has said that it is there", async () => {
  await eventually(() => assert.ok(caller.reachesDirectly("clerk")));
  const before = await carried();
  assert.deepEqual(await caller.call("clerk", "echo", { a: 1 }), { a: 1 });
  assert.equal(await caller.call("clerk", "who"), "asker");
  assert.equal(await carried(), before);
});
