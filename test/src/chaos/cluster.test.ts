// Three brokers whose routes are reset under a thousand calls a second.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_BASE_EJECTION_MS } from "@malla/sdk/engine";
import { assertNothingForbidden } from "./assert-verdict.ts";
import { FAULTS } from "./faults.ts";
import { judge } from "./oracle.ts";
import { World } from "./world.ts";

/** Routes are back after little more than a second. Whose calls were lost with them, five in a row, is ejected, and then called again. */
const ALL_CALLED_MS = DEFAULT_BASE_EJECTION_MS + 2_000;
/** Of the calls that may be repeated, so many in a hundred: one that resets met twice can come to the end of its time or attempts. */
const MOST_FAILED_PERCENT = 1;

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
  await sleep(ALL_CALLED_MS);
  const ledger = await world.stopLoad();
  const verdict = judge(ledger);
  assertNothingForbidden(verdict);
  assert.ok(verdict.calls >= 6_000, `only ${verdict.calls} calls were sent`);
  const failedPercent = (100 * verdict.idempotentFailed.length) / verdict.calls;
  assert.ok(
    failedPercent <= MOST_FAILED_PERCENT,
    `${failedPercent.toFixed(1)} % failed: ${JSON.stringify(verdict.outcomes)}`,
  );
  const late = ledger.ran.filter(({ atUs }) => atUs > (ledger.ran.at(-1)?.atUs ?? 0) - 1_000_000);
  const instances = new Set(late.map(({ instance }) => instance));
  assert.equal(instances.size, world.members("instance").length, "every instance still gets calls");
});
