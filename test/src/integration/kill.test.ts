// kill -9 of an instance and of a router under load: what is idempotent all succeeds, the rest ends, and nothing that is not
// idempotent ever runs twice. Instances and routers are processes; the ledger on disk outlives them.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Mesh, MeshError } from "@malla/sdk";
import {
  eventually,
  type InstanceProcess,
  type RunningLoad,
  ranTwice,
  readLedger,
  startLoad,
  startMesh,
  TEST_WAY,
  type TestMesh,
} from "../harness/index.ts";

/** Loss of a peer is certain after three seconds; a call may be hit twice, by its instance and by its router. */
const LONGEST_CALL_MS = 8_000;

let mesh: TestMesh;
let caller: Mesh;
let ledger: string;
let instances: InstanceProcess[];

before(async () => {
  mesh = await startMesh({ routers: 2, routerProcesses: true, serves: ["shop"] });
  ledger = join(mesh.folder, "shop.ledger");
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: shop }
spec: { service: shop, idempotentMethods: [read], retries: { attempts: 3, on: [unavailable, gone], backoff: { exponential: { baseMs: 10, capMs: 100 } }, budget: { percent: 100, minPerSecond: 100 } } }
`);
  instances = await Promise.all(
    [1, 2, 3].map(async () => await mesh.instanceProcess("shop", ledger, { MALLA_MAX_IN_FLIGHT: "500" })),
  );
  caller = await mesh.caller("asker");
  await mesh.routersHeard();
  await eventually(() => assert.ok(caller.policyRevision > 0));
});

after(async () => {
  await mesh?.stop();
});

interface Loads {
  readonly reads: RunningLoad;
  readonly writes: RunningLoad;
  /** Ids of writes that were answered with success. */
  readonly written: Set<string>;
}

function startLoads(round: string): Loads {
  const written = new Set<string>();
  return {
    written,
    reads: startLoad(40, async (n) => await caller.call("shop", "read", { id: `${round}-r${n}`, workMs: 20 })),
    writes: startLoad(20, async (n) => {
      const id = `${round}-w${n}`;
      await caller.call("shop", "write", { id, workMs: 20 });
      written.add(id);
    }),
  };
}

async function judge({ reads, writes, written }: Loads): Promise<void> {
  const [read, write] = await Promise.all([reads.stop(), writes.stop()]);
  assert.deepEqual(read.failures.map(String), [], `${read.failures.length} of ${read.calls} idempotent calls failed`);
  for (const error of write.failures) {
    assert.ok(error instanceof MeshError);
    assert.deepEqual([error.status, error.reason], ["UNAVAILABLE", "gone"], error.message);
  }
  for (const slowest of [read.slowestMs, write.slowestMs])
    assert.ok(slowest < LONGEST_CALL_MS, `a call took ${slowest} ms`);
  const lines = readLedger(ledger);
  assert.deepEqual(ranTwice(lines, "write"), [], "ran twice");
  const ran = new Set(lines.filter(({ kind }) => kind === "write").map(({ id }) => id));
  for (const id of written) assert.ok(ran.has(id), `${id} was answered without having run`);
  assert.ok(written.size > 100 && read.calls > 100, `too little load: ${written.size} writes, ${read.calls} reads`);
}

async function goesOn({ reads, writes }: Loads): Promise<void> {
  const before = [reads.calls, writes.calls] as const;
  await eventually(() => assert.ok(reads.calls > before[0] + 200 && writes.calls > before[1] + 100), {
    withinMs: 15_000,
  });
}

test("one of three instances is killed", async () => {
  const loads = startLoads("instance");
  await goesOn(loads);
  const [victim] = instances;
  assert.ok(victim);
  await victim.kill();
  await goesOn(loads);
  await judge(loads);
  const hit = readLedger(ledger).filter(({ instance }) => instance === victim.instance);
  assert.ok(hit.length > 0, "the instance that was killed had done nothing");
});

test("one of two routers is killed", async () => {
  const loads = startLoads("router");
  await goesOn(loads);
  const [victim] = mesh.routers;
  assert.ok(victim);
  const carried = async (): Promise<number> =>
    await mesh.metric(victim, "mesh_requests_in_flight", { service: "shop" });
  // Direct calls do not notice.
  if (TEST_WAY === "routed") await eventually(async () => assert.ok((await carried()) > 0, "it carries nothing"));
  await victim.kill();
  await goesOn(loads);
  await judge(loads);
});

test("an instance that is terminated under load loses nothing at all", async () => {
  instances.push(await mesh.instanceProcess("shop", ledger));
  const loads = startLoads("term");
  await goesOn(loads);
  await instances[1]?.terminate();
  await goesOn(loads);
  const { failures } = await loads.writes.stop();
  assert.deepEqual(failures.map(String), []);
  await judge(loads);
});

test("an instance that is stopped and continued runs nothing that was given up meanwhile", async () => {
  const [, , frozen] = instances;
  assert.ok(frozen);
  process.kill(frozen.pid, "SIGSTOP");
  const calls = Array.from(
    { length: 30 },
    async (_, n) =>
      await caller.call("shop", "write", { id: `frozen-${n}` }, { timeoutMs: 500 }).then(
        () => "done",
        (error: unknown) => (error as MeshError).reason,
      ),
  );
  const outcomes = await Promise.all(calls);
  const givenUp = outcomes.flatMap((outcome, n) => (outcome === "done" ? [] : [`frozen-${n}`]));
  assert.ok(givenUp.length > 0, "nothing was sent to the one that stood still");
  process.kill(frozen.pid, "SIGCONT");
  await sleep(1_000);
  const ran = new Set(readLedger(ledger).map(({ id }) => id));
  assert.deepEqual(
    givenUp.filter((id) => ran.has(id)),
    [],
    "ran after it had been given up",
  );
  assert.deepEqual(ranTwice(readLedger(ledger), "write"), []);
});
