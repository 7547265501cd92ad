// Three brokers whose routes are reset under a thousand calls a second.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertRodeOut } from "./assert-verdict.ts";
import { FAULTS } from "./faults.ts";
import { judge } from "./oracle.ts";
import { World } from "./world.ts";

let world: World;
before(async () => {
  world = await World.start({ servers: 3, callsPerSecond: 1_000 });
});
after(async () => world?.close());
beforeEach(async () => world.whole());

test("routes of the cluster are reset: a second of false 503 loses nobody and repeats nothing", async () => {
  await world.startLoad();
  for (let i = 0; i < 3; i++) {
    await sleep(2_500);
    await FAULTS["reset-routes"](world);
  }
  await sleep(2_500);
  const ledger = await world.stopLoad();
  assertRodeOut(judge(ledger), 6_000);
  const late = ledger.ran.filter(({ atUs }) => atUs > (ledger.ran.at(-1)?.atUs ?? 0) - 1_000_000);
  const instances = new Set(late.map(({ instance }) => instance));
  assert.equal(instances.size, world.members("instance").length, "every instance still gets calls");
});
