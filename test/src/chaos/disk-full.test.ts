// The disk that holds policy is full: calls need none of it, a change is refused with a reason, and nothing that was in force is lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, rejection } from "../harness/eventually.ts";
import { PolicyDesk } from "../harness/policy-desk.ts";
import { canMount } from "../harness/small-disk.ts";
import { assertRodeOut } from "./assert-verdict.ts";
import { judge } from "./oracle.ts";
import { World } from "./world.ts";

const DISK_BYTES = 16 * 1024 * 1024;

function route(name: string, comment = ""): string {
  return `apiVersion: malla.dev/v1
kind: Route
metadata: { name: ${name}, annotations: { comment: "${comment}" } }
spec: { match: { service: ${name} }, timeoutMs: 2000 }
`;
}

test("a full disk fails no call, refuses a change with a reason, and loses nothing", {
  skip: canMount() ? false : "a disk of its own needs root",
}, async () => {
  const world = await World.start({ callsPerSecond: 300, instances: 2, diskBytes: DISK_BYTES });
  try {
    const desk = await PolicyDesk.open(world.cluster.urls, world.keys);
    try {
      const before = await desk.apply(route("before"));
      await world.startLoad();
      world.disk?.fill();
      const refused = await rejection(desk.apply(route("meanwhile", "x".repeat(60_000))));
      assert.match(
        refused.message,
        /^Route\/meanwhile could not be stored .*; nothing was applied\. .*disk may be full/,
      );
      await sleep(2_000);
      assertRodeOut(judge(await world.stopLoad()), 500);
      world.disk?.free();
      // A server whose store failed must be started again: it says so in its log and takes no more writes until then.
      const [server] = world.cluster.servers;
      await server?.stop();
      await server?.start();
      const after = await eventually(async () => desk.apply(route("after")), { withinMs: 20_000, everyMs: 200 });
      assert.equal(after.revision, before.revision + 1);
      assert.deepEqual(
        after.documents.filter(({ kind }) => kind === "Route").map(({ name }) => name),
        ["after", "before"],
      );
    } finally {
      await desk.close();
    }
  } finally {
    await world.close();
  }
});
