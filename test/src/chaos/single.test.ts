// One broker, two routers, six instances, two callers in processes of their own, and what is done to them while they carry a
// thousand calls a second. Short slices; `npm run chaos` is the long way.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertNothingForbidden, assertRodeOut } from "./assert-verdict.ts";
import { FAULTS, KILLS } from "./faults.ts";
import type { Ledger } from "./journal.ts";
import { judge } from "./oracle.ts";
import { makePlan } from "./plan.ts";
import { runPlan } from "./run-plan.ts";
import { World } from "./world.ts";

const CALLS_PER_SECOND = 1_000;
/** Failure rule 10: a service is not without an answer for longer, whoever is killed. */
const LONGEST_GAP_MS = 1_500;

let world: World;
before(async () => {
  world = await World.start({ callsPerSecond: CALLS_PER_SECOND, linked: true });
});
after(async () => world?.close());
beforeEach(async () => world.whole());

/** Load around something that is done, with a second of it before and two after. */
async function underLoad(work: () => Promise<unknown>): Promise<Ledger> {
  await world.startLoad();
  try {
    await sleep(1_000);
    await work();
    await sleep(2_000);
  } catch (error) {
    await world.stopLoad();
    throw error;
  }
  return await world.stopLoad();
}

test("instances, routers and callers are killed, one every second", async () => {
  const durationMs = 15_000;
  const plan = makePlan({ seed: 11, durationMs, kills: KILLS, troubles: [] });
  const verdict = judge(await underLoad(async () => runPlan(world, plan, durationMs)));
  assertRodeOut(verdict, 8_000);
  assert.ok(verdict.longestGapMs < LONGEST_GAP_MS, `a service answered nobody for ${verdict.longestGapMs} ms`);
});

test("an instance and a router stand still for ten seconds and go on", async () => {
  const both = [FAULTS["freeze-instance"](world, 0.4), FAULTS["freeze-router"](world, 0.4)] as const;
  const verdict = judge(await underLoad(async () => Promise.all(both)));
  assertRodeOut(verdict, 8_000);
  assert.ok(verdict.longestGapMs < LONGEST_GAP_MS, `a service answered nobody for ${verdict.longestGapMs} ms`);
});

test("blocked loops, clocks that jump, links that are reset or silent, a client that does not read", async () => {
  const verdict = judge(
    await underLoad(async () => {
      await FAULTS["clock-jump"](world, 0.1);
      await FAULTS["clock-jump"](world, 0.9);
      await FAULTS["reset-link"](world);
      await Promise.all([FAULTS["block-instance"](world, 0.5), FAULTS["slow-reader"](world)]);
      await FAULTS["silent-link"](world);
    }),
  );
  assertRodeOut(verdict, 8_000);
});

test("instances and routers are replaced one by one, and no call fails at all", async () => {
  const verdict = judge(
    await underLoad(async () => {
      for (const kind of ["router", "instance"] as const)
        for (const member of world.members(kind)) await member.replace();
    }),
  );
  assertRodeOut(verdict, 8_000);
  assert.deepEqual(Object.keys(verdict.outcomes), ["OK"]);
});

test("the broker is killed and started again: calls end, none runs twice, and all goes on", async () => {
  const [server] = world.cluster.servers;
  assert.ok(server);
  let backAtUs = 0;
  const ledger = await underLoad(async () => {
    await server.kill();
    await sleep(1_000);
    await server.start();
    backAtUs = Number(process.hrtime.bigint() / 1000n);
    await sleep(2_000);
  });
  const verdict = judge(ledger);
  assertNothingForbidden(verdict);
  const reasons = new Set(Object.keys(verdict.outcomes).map((outcome) => outcome.replace(/@.*/, "")));
  assert.deepEqual(
    [...reasons].filter((reason) => !["OK", "gone", "not-started"].includes(reason)),
    [],
  );
  const firstUs = ledger.ended.filter(({ outcome, atUs }) => outcome === "OK" && atUs > backAtUs)[0]?.atUs ?? 0;
  assert.ok(firstUs > 0 && firstUs - backAtUs < 3_000_000, `it took ${(firstUs - backAtUs) / 1000} ms to go on`);
});

test("the broker stands still for ten seconds: nothing that expired meanwhile runs afterwards", async () => {
  const verdict = judge(await underLoad(async () => FAULTS["freeze-server"](world, 0)));
  assertNothingForbidden(verdict);
  assert.ok((verdict.outcomes.OK ?? 0) > 1_000, "it did not go on");
});
