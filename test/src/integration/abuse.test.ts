// Clients and handlers that misbehave: each has a clear outcome, and honest callers of another service are all answered meanwhile.
// What it costs them in time is measured by test/src/abuse/measure.ts; a test that asserted it would fail with the machine's mood.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Mesh } from "@malla/sdk";
import { ABUSES } from "../abuse/abuses.ts";
import { eventually, startLoad, startMesh, type TestMesh } from "../harness/index.ts";

const HONEST_WORKERS = 4;
/** Of each abuse that is a call. */
const CALLS_AT_ONCE = 100;
/** Far beyond what an honest call takes; the machine may be busy, the mesh may not be stuck. */
const HONEST_DEADLINE_MS = 5_000;

let mesh: TestMesh;
let honest: Mesh;

before(async () => {
  mesh = await startMesh({ routerProcesses: true });
  await mesh.service("calm", { echo: (request: unknown) => request });
  honest = await mesh.caller("honest");
  await mesh.routersHeard();
});

after(async () => {
  await mesh?.stop();
});

for (const { name, outcome, prepare } of ABUSES)
  test(`${name}: ${outcome}`, async (t) => {
    const attacker = await prepare(mesh);
    t.after(async () => await attacker.close?.());
    const load = startLoad(
      HONEST_WORKERS,
      async (n) => await honest.call("calm", "echo", { n }, { timeoutMs: HONEST_DEADLINE_MS }),
    );
    await eventually(() => assert.ok(load.calls > 0));
    const actual = await attacker.attack(CALLS_AT_ONCE);
    const { calls, failures, slowestMs } = await load.stop();
    assert.equal(actual, outcome);
    assert.deepEqual(failures.slice(0, 3).map(String), [], `${failures.length} of ${calls} honest calls failed`);
    assert.ok(slowestMs < HONEST_DEADLINE_MS);
    assert.deepEqual(await honest.call("calm", "echo", { n: -1 }), { n: -1 });
  });
