// An instance takes so many calls and no more; what it refuses goes elsewhere, or is refused at once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Mesh, MeshError } from "@malla/sdk";
import { startMesh, type TestMesh, timed } from "../harness/index.ts";

let mesh: TestMesh;
const CALLERS = 3;
let callers: Mesh[];

before(async () => {
  // Each router sees its own calls only, so that instances do have to refuse.
  mesh = await startMesh({ routers: 2, serves: ["desk", "booth"] });
  callers = await Promise.all(Array.from({ length: CALLERS }, async (_, i) => await mesh.caller(`asker-${i}`)));
  await mesh.routersHeard();
});

after(async () => {
  await mesh?.stop();
});

class Gauge {
  now = 0;
  most = 0;
  total = 0;

  async hold(ms: number): Promise<void> {
    this.now++;
    this.total++;
    this.most = Math.max(this.most, this.now);
    await sleep(ms);
    this.now--;
  }
}

function callerFor(i: number): Mesh {
  return callers[i % CALLERS] as Mesh;
}

test("a full instance refuses and the call goes to one that has room", async () => {
  const small = new Gauge();
  const large = new Gauge();
  await mesh.service("desk", { work: async () => await small.hold(100) }, { maxInFlight: 2 });
  await mesh.service("desk", { work: async () => await large.hold(100) }, { maxInFlight: 500 });
  const calls = Array.from({ length: 60 }, async (_, i) => await callerFor(i).call("desk", "work", {}));
  await Promise.all(calls);
  assert.ok(small.most <= 2, `${small.most} at a time where 2 are allowed`);
  assert.ok(small.total >= 1, "the small one was left out");
  assert.equal(small.total + large.total, 60);
});

test("with every instance full, calls are refused soon, never run too many, and it recovers", async () => {
  const gauge = new Gauge();
  await mesh.service("booth", { work: async () => await gauge.hold(150) }, { maxInFlight: 3 });
  const calls = Array.from({ length: 40 }, async (_, i) => {
    const { result, ms } = await timed(
      async () =>
        await callerFor(i)
          .call("booth", "work", {})
          .then(
            () => "done",
            (error: unknown) => error,
          ),
    );
    if (result === "done") return true;
    assert.ok(result instanceof MeshError, String(result));
    assert.ok(["overloaded", "not-started"].includes(result.reason), `${result.reason}: ${result.message}`);
    assert.ok(ms < 1_500, `refused only after ${ms} ms`);
    return false;
  });
  const done = (await Promise.all(calls)).filter(Boolean).length;
  assert.equal(gauge.total, done, "a refused call ran all the same");
  assert.ok(gauge.most <= 3, `${gauge.most} at a time where 3 are allowed`);
  assert.ok(done >= 3);
  await callers[0]?.call("booth", "work", {});
});
