// A cluster of an older nats-server becomes one of the pinned one, and every router and instance another process, under load.
// Where the older one cannot be had, the same is done with one version.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findNatsServer } from "@malla/broker-config";
import { eventually } from "../harness/eventually.ts";
import { findOlderServer, OLDER_VERSION } from "../harness/older-server.ts";
import { PolicyDesk } from "../harness/policy-desk.ts";
import { streamLeader } from "../harness/stream-leader.ts";
import { assertRodeOut } from "./assert-verdict.ts";
import { judge } from "./oracle.ts";
import { World } from "./world.ts";

let world: World;
before(async () => {
  const older = await findOlderServer();
  if ("missing" in older) process.stderr.write(`${older.missing}; the restart is done without an upgrade\n`);
  const binary = "missing" in older ? {} : { binary: { path: older.path, version: OLDER_VERSION } };
  world = await World.start({ servers: 3, callsPerSecond: 600, ...binary });
});
after(async () => world?.close());

test("brokers by lame duck, routers and instances by drain, all replaced: no call fails at all", async () => {
  const { path, version } = await findNatsServer();
  const desk = await PolicyDesk.open(world.cluster.urls, world.keys);
  try {
    const before = await desk.read();
    await world.startLoad();
    for (const server of world.cluster.servers) {
      world.events.add(`upgrade: ${server.name} to ${version}`);
      await server.lameDuck();
      await server.start(path);
      // As an operator does before the next one: the streams have a leader and all their copies again.
      await eventually(async () => await streamLeader(world.cluster.urls, world.keys, "KV_mesh-policy"), {
        withinMs: 20_000,
        everyMs: 250,
      });
      await sleep(2_000);
    }
    for (const kind of ["router", "instance"] as const)
      for (const member of world.members(kind)) await member.replace();
    await sleep(1_000);
    const verdict = judge(await world.stopLoad());
    assertRodeOut(verdict, 8_000);
    assert.deepEqual(Object.keys(verdict.outcomes), ["OK"]);
    assert.ok(verdict.longestGapMs < 1_000, `${verdict.longestGapMs} ms without an answer`);
    const after = await desk.read();
    assert.equal(after.signed?.head.applyId, before.signed?.head.applyId, "the policy is the one there was");
    for (const server of world.cluster.servers) assert.equal(await server.version(), version);
  } finally {
    await desk.close();
  }
});
