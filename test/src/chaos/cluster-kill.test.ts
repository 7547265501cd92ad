// Three brokers, two routers, nine instances: servers are killed one after the other, the leader of the policy's stream in the
// middle of an apply, and all three are rolled.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../harness/eventually.ts";
import { PolicyDesk } from "../harness/policy-desk.ts";
import { streamLeader } from "../harness/stream-leader.ts";
import { assertRodeOut } from "./assert-verdict.ts";
import { judge } from "./oracle.ts";
import { World } from "./world.ts";

const POLICY_STREAM = "KV_mesh-policy";

let world: World;
before(async () => {
  world = await World.start({ servers: 3, services: ["alpha", "beta", "gamma"], callsPerSecond: 1_000 });
});
after(async () => world?.close());
beforeEach(async () => world.whole());

test("each of three servers is killed in turn: what may be repeated succeeds, nothing runs twice", async () => {
  await world.startLoad();
  await sleep(2_000);
  for (const server of world.cluster.servers) {
    world.events.add(`kill: ${server.name}`);
    await server.kill();
    await sleep(3_000);
    await server.start();
    await sleep(3_000);
  }
  const verdict = judge(await world.stopLoad());
  assertRodeOut(verdict, 15_000);
  assert.ok(verdict.longestGapMs < 3_000, `${verdict.longestGapMs} ms without an answer`);
});

/** How long after the beginning of an apply its stream's leader is killed, in ms. */
const KILLED_AFTER_MS = [0, 2, 6];

test("the leader of the policy's stream is killed during an apply: it ends by itself, done or not done", async () => {
  const desk = await PolicyDesk.open(world.cluster.urls, world.keys);
  try {
    await world.startLoad();
    for (const [round, afterMs] of KILLED_AFTER_MS.entries()) {
      const name = await eventually(async () => await streamLeader(world.cluster.urls, world.keys, POLICY_STREAM), {
        withinMs: 20_000,
        everyMs: 250,
      });
      const leader = world.cluster.servers.find((server) => server.name === name);
      assert.ok(leader, `no server is called ${name}`);
      const applied = desk.apply(document(round)).then(
        ({ revision }) => revision,
        (error: Error) => error,
      );
      await sleep(afterMs);
      world.events.add(`kill: ${name}, leader of the policy's stream`);
      await leader.kill();
      const outcome = await applied;
      const history = await eventually(async () => await desk.store.history(), { withinMs: 20_000, everyMs: 250 });
      const written = history.some(({ documents }) =>
        documents.some(({ name: written }) => written === documentName(round)),
      );
      if (typeof outcome === "number") assert.ok(written, `revision ${outcome} was acknowledged and is lost`);
      else {
        assert.match(outcome.message, /nothing was (applied|written)/, "it says which of both it is");
        assert.ok(!written, `it was called not done, and was: ${outcome.message}`);
      }
      await leader.start();
      await sleep(1_000);
    }
    const verdict = judge(await world.stopLoad());
    assertRodeOut(verdict, 5_000);
    assert.ok(verdict.longestGapMs < 3_000, `${verdict.longestGapMs} ms without an answer`);
  } finally {
    await desk.close();
  }
});

function documentName(round: number): string {
  return `kill-${round}`;
}

function document(round: number): string {
  return `apiVersion: malla.dev/v1\nkind: ServicePolicy\nmetadata: { name: ${documentName(round)} }\nspec: { service: ${documentName(round)} }\n`;
}
