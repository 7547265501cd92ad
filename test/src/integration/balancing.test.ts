// Load goes where it is answered soonest, and away from what fails.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Mesh, MeshError } from "@malla/sdk";
import { startLoad, startMesh, type TestMesh } from "../harness/index.ts";

let mesh: TestMesh;
let caller: Mesh;

before(async () => {
  mesh = await startMesh({ serves: ["even", "uneven", "fragile", "relapse", "lonely", "panic"] });
  caller = await mesh.caller("asker");
});

after(async () => {
  await mesh?.stop();
});

interface Worker {
  readonly mesh: Mesh;
  delayMs: number;
  fails: boolean;
  calls: number;
}

async function workers(service: string, delaysMs: readonly number[]): Promise<readonly Worker[]> {
  return await Promise.all(
    delaysMs.map(async (delayMs) => {
      const state = { delayMs, fails: false, calls: 0 };
      const instance = await mesh.service(service, {
        work: async () => {
          state.calls++;
          await sleep(state.delayMs);
          if (state.fails) throw new MeshError({ status: "UNAVAILABLE", message: "broken on purpose" });
        },
      });
      return Object.assign(state, { mesh: instance });
    }),
  );
}

async function callMany(service: string, count: number): Promise<number> {
  let failures = 0;
  for (let n = 0; n < count; n++) {
    await caller.call(service, "work", {}).catch((error: unknown) => {
      assert.equal((error as MeshError).status, "UNAVAILABLE");
      failures++;
    });
  }
  return failures;
}

test("equal instances get about equal shares", async () => {
  const all = await workers("even", [2, 2, 2]);
  const load = startLoad(12, async () => await caller.call("even", "work", {}));
  await sleep(1_000);
  const { calls, failures } = await load.stop();
  assert.equal(failures.length, 0);
  for (const { calls: own } of all)
    assert.ok(own > calls * 0.2 && own < calls * 0.47, all.map((one) => one.calls).join(" "));
});

test("a slow instance of three gets far less than its third, and still some", async () => {
  const all = await workers("uneven", [2, 2, 400]);
  const load = startLoad(12, async () => await caller.call("uneven", "work", {}));
  await sleep(2_000);
  const { calls, failures } = await load.stop();
  assert.equal(failures.length, 0);
  const slow = all[2]?.calls ?? 0;
  assert.ok(slow > 0, "it was never tried");
  assert.ok(slow < calls / 6, `${slow} of ${calls}`);
});

test("one that fails in a row is ejected, and comes back when it has served its time", async () => {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: fragile }
spec:
  service: fragile
  loadBalancer: round-robin
  outlierDetection: { consecutiveFailures: 3, baseEjectionMs: 2000, maxEjectionMs: 20000, panicPercent: 50 }
`);
  const [bad, ...good] = await workers("fragile", [0, 0, 0]);
  assert.ok(bad);
  bad.fails = true;
  const failures = await callMany("fragile", 30);
  assert.equal(failures, 3, "the third failure in a row ejects, and then nobody sees it again");
  assert.equal(bad.calls, 3);
  for (const { calls } of good) assert.ok(calls > 10);
  assert.equal(await mesh.carrierMetric(caller, "mesh_breaker_state", { instance: bad.mesh.instance }), 2);
  bad.fails = false;
  await sleep(2_100);
  assert.equal(await callMany("fragile", 30), 0);
  assert.ok(bad.calls >= 10, `after its return it got ${bad.calls - 3} of 30`);
  assert.equal(await mesh.carrierMetric(caller, "mesh_breaker_state", { instance: bad.mesh.instance }), 0);
});

test("a probe that fails ejects again, for longer, at the cost of one call", async () => {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: relapse }
spec:
  service: relapse
  loadBalancer: round-robin
  outlierDetection: { consecutiveFailures: 3, baseEjectionMs: 1500, maxEjectionMs: 20000, panicPercent: 50 }
`);
  const [bad] = await workers("relapse", [0, 0, 0]);
  assert.ok(bad);
  bad.fails = true;
  assert.equal(await callMany("relapse", 12), 3);
  await sleep(1_600);
  assert.equal(await callMany("relapse", 12), 1, "more than the probe went to an instance that was ejected");
  await sleep(1_600);
  assert.equal(await callMany("relapse", 12), 0, "the second ejection was no longer than the first");
});

test("the last instance is never ejected", async () => {
  const [only] = await workers("lonely", [0]);
  assert.ok(only);
  only.fails = true;
  assert.equal(await callMany("lonely", 30), 30);
  assert.equal(only.calls, 30);
  only.fails = false;
  assert.equal(await callMany("lonely", 5), 0);
});

test("when most of them fail, ejection is ignored rather than the rest drowned", async () => {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: panic }
spec: { service: panic, loadBalancer: round-robin }
`);
  const all = await workers("panic", [0, 0, 0]);
  for (const one of all.slice(0, 2)) one.fails = true;
  await callMany("panic", 60);
  const before = all.map(({ calls }) => calls);
  await callMany("panic", 60);
  for (const [i, one] of all.entries()) assert.ok(one.calls > (before[i] as number), `instance ${i} got nothing more`);
});
