// Three hosts, each with a broker, a router, an instance of every service and a caller: one host's cable is pulled for twenty seconds.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../harness/eventually.ts";
import { NetworkHosts } from "../harness/network-hosts.ts";
import { PolicyDesk } from "../harness/policy-desk.ts";
import { listenToRouters } from "../harness/router-revisions.ts";
import { assertNothingForbidden } from "./assert-verdict.ts";
import { callerOf, type Ledger } from "./journal.ts";
import type { Member } from "./members.ts";
import { judge } from "./oracle.ts";
import { World } from "./world.ts";

const obstacle = NetworkHosts.obstacle();
const CUT = 1;
const CUT_MS = 20_000;
/** Until everybody on the island has noticed and is on its broker: two pings of a second, and what a dial takes. */
const SETTLED_MS = 8_000;

let world: World;
before(async () => {
  if (obstacle !== undefined) return;
  // Noticing takes three seconds at each of caller, router and instance: calls have the time that calls have by default.
  const timeoutMs = 10_000;
  world = await World.start({ servers: 3, routers: 3, callers: 3, callsPerSecond: 600, timeoutMs, onHosts: true });
});
after(async () => world?.close());

test("a host is cut off for twenty seconds: the others lose nothing, its own router serves on by the last good policy and says so", {
  skip: obstacle ?? false,
}, async () => {
  const islander = world.members("router")[CUT] as Member;
  await world.startLoad();
  await sleep(2_000);
  world.events.add("cut off: host 2");
  world.hosts?.cut(CUT);
  const cutAtUs = nowUs();
  await sleep(5_000);
  const elsewhere = world.cluster.urls.filter((_, server) => server !== CUT);
  const changed = await change(elsewhere);
  await sleep(CUT_MS - 5_000);
  assert.match(islander.stderr, /the policy could not be read; what was in force stays/);
  world.hosts?.heal(CUT);
  world.events.add("healed: host 2");
  const healedAtUs = nowUs();
  const observer = await listenToRouters(elsewhere, world.keys);
  await eventually(() => assert.deepEqual([...observer.revisions.values()], [changed, changed, changed]), {
    withinMs: 15_000,
    everyMs: 100,
  });
  await observer.close();
  await sleep(2_000);
  const ledger = await world.stopLoad();
  const [island, others] = apart(ledger, callerName(ledger, CUT));
  assertNothingForbidden(judge(ledger));
  assert.deepEqual(judge(others).idempotentFailed, [], "where nothing was cut");
  const cutOff = between(island, cutAtUs + SETTLED_MS * 1_000, healedAtUs - 2_000_000);
  assert.ok(cutOff.sent.length > 500, `only ${cutOff.sent.length} calls were sent on the island`);
  assert.deepEqual(judge(cutOff).idempotentFailed, [], "on the island, once everybody there had found its broker");
});

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Resolves to the revision that brought it. */
async function change(servers: readonly string[]): Promise<number> {
  const desk = await PolicyDesk.open(servers, world.keys);
  try {
    const { revision } = await desk.apply(
      "apiVersion: malla.dev/v1\nkind: ServicePolicy\nmetadata: { name: meanwhile }\nspec: { service: meanwhile }\n",
    );
    return revision;
  } finally {
    await desk.close();
  }
}

function callerName({ sent }: Ledger, host: number): string {
  return [...new Set(sent.map(({ id }) => callerOf(id)))].find((name) => name.includes(`caller-${host + 1}.`)) ?? "";
}

/** The calls of one caller, and those of all others. */
function apart(ledger: Ledger, caller: string): [Ledger, Ledger] {
  const of = (wanted: boolean): Ledger => keep(ledger, (id) => (callerOf(id) === caller) === wanted);
  return [of(true), of(false)];
}

function between(ledger: Ledger, fromUs: number, untilUs: number): Ledger {
  const ids = new Set(ledger.sent.filter(({ atUs }) => atUs >= fromUs && atUs < untilUs).map(({ id }) => id));
  return keep(ledger, (id) => ids.has(id));
}

function keep({ sent, ended, ran, finished }: Ledger, wanted: (id: string) => boolean): Ledger {
  const pick = <Line extends { readonly id: string }>(lines: readonly Line[]): Line[] =>
    lines.filter(({ id }) => wanted(id));
  return { sent: pick(sent), ended: pick(ended), ran: pick(ran), finished };
}
