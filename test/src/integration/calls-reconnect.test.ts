// The broker dies and comes back on the same port: calls fail fast meanwhile, and everything goes on by itself afterwards.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Mesh, MeshError } from "@malla/sdk";
import { eventually, rejection, startMesh, type TestMesh, timed } from "../harness/index.ts";

let mesh: TestMesh;
let caller: Mesh;
let service: Mesh;
const ran = new Map<string, number>();

before(async () => {
  mesh = await startMesh({ routers: 2, serves: ["mill", "hall"] });
  const handlers = {
    work: async ({ id, ms }: { id: string; ms: number }) => {
      ran.set(id, (ran.get(id) ?? 0) + 1);
      await sleep(ms);
      return id;
    },
  };
  service = await mesh.service("mill", handlers, { maxInFlight: 500 });
  caller = await mesh.caller("asker");
  await mesh.routersHeard();
});

after(async () => {
  await mesh?.stop();
});

test("calls in flight end at once when the broker dies, and calls while it is away fail fast", async () => {
  const inFlight = Array.from(
    { length: 20 },
    async (_, n) => await rejection(caller.call("mill", "work", { id: `f${n}`, ms: 5_000 })),
  );
  await eventually(() => assert.equal([...ran.keys()].filter((id) => id.startsWith("f")).length, 20));
  const { ms } = await timed(async () => {
    await mesh.broker.kill();
    for (const error of await Promise.all(inFlight)) {
      assert.ok(error instanceof MeshError);
      assert.deepEqual([error.status, error.reason], ["UNAVAILABLE", "gone"]);
    }
  });
  assert.ok(ms < 1_000, `they hung for ${ms} ms`);
  for (let n = 0; n < 20; n++) {
    const { result, ms: took } = await timed(
      async () => await rejection(caller.call("mill", "work", { id: `away${n}`, ms: 0 })),
    );
    assert.ok(result instanceof MeshError);
    assert.deepEqual([result.status, result.reason], ["UNAVAILABLE", "not-started"]);
    assert.ok(took < 100, `it took ${took} ms to fail`);
  }
});

test("after the broker is back calls go on, by instances that were never restarted, and none ran twice", async () => {
  await mesh.broker.restart();
  const { ms } = await timed(async () => {
    await eventually(
      async () =>
        assert.equal(
          await caller
            .call("mill", "work", { id: `back${performance.now()}`, ms: 0 }, { timeoutMs: 1_000 })
            .then(() => "ok"),
          "ok",
        ),
      { withinMs: 10_000 },
    );
  });
  assert.ok(ms < 5_000, `it took ${ms} ms to go on`);
  await mesh.routersHeard();
  const replies = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => await caller.call("mill", "work", { id: `on${n}`, ms: 1 })),
  );
  assert.equal(new Set(replies).size, 200);
  assert.deepEqual(
    [...ran].filter(([, count]) => count > 1),
    [],
  );
  assert.equal(
    [...ran.keys()].filter((id) => id.startsWith("away")).length,
    0,
    "a call that was refused ran after all",
  );
});

test("a router that starts after the outage learns of the instance, and the policy is what it was", async () => {
  const head = await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: mill }
spec: { service: mill, idempotentMethods: [work] }
`);
  await mesh.broker.kill();
  await mesh.broker.restart();
  const fresh = await mesh.addRouter();
  assert.equal(await mesh.metric(fresh, "mesh_config_revision"), head.revision);
  for (const router of mesh.routers.filter((one) => one !== fresh)) await router.drain();
  await eventually(async () =>
    assert.equal(
      await caller
        .call("mill", "work", { id: `fresh${performance.now()}`, ms: 0 }, { timeoutMs: 2_000 })
        .then(() => "ok"),
      "ok",
    ),
  );
});

test("a reply finished while the broker was away is there for who asks again by its key, and nothing ran twice", async () => {
  const idempotencyKey = "order-7";
  const ask = async (): Promise<unknown> =>
    await caller.call("mill", "work", { id: "keyed", ms: 600 }, { idempotencyKey, timeoutMs: 6_000 });
  const first = rejection(ask());
  await eventually(() => assert.equal(ran.get("keyed"), 1));
  await mesh.broker.kill();
  const error = await first;
  assert.ok(error instanceof MeshError);
  assert.deepEqual([error.status, error.reason], ["UNAVAILABLE", "gone"]);
  await sleep(700);
  await mesh.broker.restart();
  const reply = await eventually(ask, { withinMs: 15_000, everyMs: 100 });
  assert.equal(reply, "keyed");
  assert.equal(ran.get("keyed"), 1);
});

test("three outages in a row under load: every call ends, and all is well afterwards", async () => {
  let running = true;
  let ended = 0;
  const oddities: unknown[] = [];
  const worker = async (w: number): Promise<void> => {
    for (let n = 0; running; n++) {
      await caller
        .call("mill", "work", { id: `load${w}-${n}`, ms: 2 }, { timeoutMs: 3_000 })
        .catch((error: unknown) => {
          if (!(error instanceof MeshError) || !["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(error.status))
            oddities.push(error);
        });
      ended++;
      await sleep(1);
    }
  };
  const workers = Array.from({ length: 30 }, async (_, w) => await worker(w));
  for (let i = 0; i < 3; i++) {
    await sleep(300);
    await mesh.broker.kill();
    await sleep(200);
    await mesh.broker.restart();
  }
  await eventually(
    async () =>
      assert.equal(
        await caller
          .call("mill", "work", { id: `l${performance.now()}`, ms: 0 }, { timeoutMs: 1_000 })
          .then(() => "ok"),
        "ok",
      ),
    { withinMs: 10_000 },
  );
  running = false;
  await Promise.all(workers);
  assert.deepEqual(oddities, []);
  assert.ok(ended > 100);
  await caller.call("mill", "work", { id: "after", ms: 0 });
  assert.equal(service.instance.length > 0, true);
});

test("a router and an instance that drain while they reconnect do not wait for it", async () => {
  const router = await mesh.addRouter();
  const instance = await mesh.service("hall", { wait: async () => await sleep(10) });
  await mesh.broker.kill();
  await mesh.broker.restart();
  const { ms } = await timed(async () => await Promise.all([router.drain(), mesh.leave(instance)]));
  assert.ok(ms < 10_000, `they took ${ms} ms`);
});
