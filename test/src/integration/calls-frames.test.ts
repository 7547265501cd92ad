// Payloads over 32 KiB go past the router in frames, both ways, and end as calls do.
import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { after, before, test } from "node:test";
import type { Mesh } from "@malla/sdk";
import { startMesh, type TestMesh } from "../harness/index.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

let mesh: TestMesh;
let caller: Mesh;

before(async () => {
  mesh = await startMesh();
  await mesh.service("echo", { echo: (value: unknown) => value });
  caller = await mesh.caller("asker");
  await mesh.routersHeard();
});

after(async () => {
  await mesh?.stop();
});

function randomBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 64 * KIB) randomFillSync(bytes, at, Math.min(64 * KIB, size - at));
  return bytes;
}

for (const size of [32 * KIB, 32 * KIB + 1, 256 * KIB, 4 * MIB, 20 * MIB]) {
  test(`${size} bytes are echoed as they were`, async () => {
    const bytes = randomBytes(size);
    const back = await caller.call<Uint8Array>("echo", "echo", bytes);
    assert.ok(Buffer.from(back).equals(bytes));
  });
}
