// Going away loses nothing: an instance, a router, a caller that drains finishes what it has and gets nothing new.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Mesh } from "@malla/sdk";
import { errorOfReply } from "@malla/sdk/call";
import { header } from "@malla/sdk/contract";
import { eventually, PlainCaller, startLoad, startMesh, type TestMesh } from "../harness/index.ts";

const IN_FLIGHT = 300;

let mesh: TestMesh;
let ran: Map<string, number>;
const services: Mesh[] = [];

before(async () => {
  mesh = await startMesh({
    routers: 2,
    serves: ["mill", "relay", "yard", "vault", "desk", "depot", "middle", "counter"],
  });
});

afterEach(async () => {
  await twoRouters();
  for (const service of services.splice(0)) await mesh.leave(service);
});

after(async () => {
  await mesh?.stop();
});

async function twoRouters(): Promise<void> {
  while (mesh.routers.filter(({ running }) => running).length < 2) await mesh.addRouter();
}

/** Not idempotent: a call that is lost cannot be hidden by a retry, and one that runs twice is seen. */
async function worker(name: string): Promise<Mesh> {
  const handlers = {
    work: async ({ id }: { id: string }) => {
      ran.set(id, (ran.get(id) ?? 0) + 1);
      await sleep(5 + Math.random() * 60);
      return id;
    },
  };
  const instance = await mesh.service(name, handlers, { maxInFlight: 2_000 });
  services.push(instance);
  return instance;
}

function assertNothingLost(result: { calls: number; failures: readonly unknown[] }): void {
  assert.deepEqual(result.failures.map(String).slice(0, 5), [], `${result.failures.length} of ${result.calls} failed`);
  const twice = [...ran].filter(([, count]) => count > 1);
  assert.equal(twice.length, 0, `${twice.length} ran twice`);
  assert.equal(ran.size, result.calls);
}

test("an instance drains under load and no call is lost or doubled", async () => {
  ran = new Map();
  const leaving = await worker("mill");
  await worker("mill");
  const caller = await mesh.caller("asker");
  await mesh.routersHeard();
  const load = startLoad(IN_FLIGHT, async (n) => await caller.call("mill", "work", { id: `i${n}` }));
  await eventually(() => assert.ok(load.calls > IN_FLIGHT));
  await leaving.drain();
  services.splice(services.indexOf(leaving), 1);
  const afterDrain = load.calls;
  await eventually(() => assert.ok(load.calls > afterDrain + IN_FLIGHT));
  assertNothingLost(await load.stop());
  await mesh.leave(caller);
});

test("instances that are replaced one after the other under load lose nothing", async () => {
  ran = new Map();
  await worker("relay");
  const caller = await mesh.caller("asker");
  const load = startLoad(100, async (n) => await caller.call("relay", "work", { id: `r${n}` }));
  for (let i = 0; i < 4; i++) {
    await sleep(100);
    const [old] = services;
    await worker("relay");
    assert.ok(old);
    await old.drain();
    services.splice(services.indexOf(old), 1);
  }
  assertNothingLost(await load.stop());
  await mesh.leave(caller);
});

test("one of two routers drains under load and no call is lost, whoever picked it and however", async () => {
  ran = new Map();
  await worker("yard");
  const caller = await mesh.caller("asker");
  await mesh.routersHeard();
  // Plain clients do not pick a router: the broker does, for as long as a router listens.
  const plain = new PlainCaller(await mesh.raw("visitor", "guest"), "visitor");
  const plainCall = async (n: number): Promise<void> => {
    const { headers } = await plain.request("yard", "work", { id: `p${n}` });
    const error = errorOfReply(headers, "router");
    if (error !== undefined) throw error;
  };
  const viaLoad = startLoad(IN_FLIGHT, async (n) => await caller.call("yard", "work", { id: `v${n}` }));
  const plainLoad = startLoad(IN_FLIGHT / 2, plainCall);
  await eventually(() => assert.ok(viaLoad.calls > IN_FLIGHT && plainLoad.calls > IN_FLIGHT));
  const [leaving] = mesh.routers;
  assert.ok(leaving);
  assert.ok((await mesh.metric(leaving, "mesh_requests_in_flight")) > 20, "the router had nothing to lose");
  await leaving.drain();
  const afterDrain = [viaLoad.calls, plainLoad.calls];
  await eventually(() =>
    assert.ok(viaLoad.calls > (afterDrain[0] ?? 0) + 100 && plainLoad.calls > (afterDrain[1] ?? 0) + 100),
  );
  const [via, guest] = await Promise.all([viaLoad.stop(), plainLoad.stop()]);
  assertNothingLost({ calls: via.calls + guest.calls, failures: [...via.failures, ...guest.failures] });
  await mesh.leave(caller);
});

test("a router that drains settles calls with an idempotency key before it goes", async () => {
  ran = new Map();
  await worker("vault");
  const caller = await mesh.caller("asker");
  await mesh.routersHeard();
  const calls = Array.from(
    { length: 40 },
    async (_, n) => await caller.call("vault", "work", { id: `k${n}` }, { idempotencyKey: `key-${n}` }),
  );
  await sleep(25);
  const leaving = mesh.routers.find(({ running }) => running);
  await leaving?.drain();
  const results = await Promise.allSettled(calls);
  const failed = results.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
  assert.deepEqual(
    failed.map(({ reason }) => String(reason)),
    [],
  );
  assert.deepEqual(
    [...ran.values()].filter((count) => count > 1),
    [],
  );
  await mesh.leave(caller);
});

test("a caller that drains gets the answers it waits for", async () => {
  ran = new Map();
  await worker("desk");
  const caller = await mesh.caller("asker");
  const calls = Array.from({ length: IN_FLIGHT }, async (_, n) => await caller.call("desk", "work", { id: `c${n}` }));
  await mesh.leave(caller);
  const replies = await Promise.all(calls);
  assert.equal(new Set(replies).size, IN_FLIGHT);
});

test("a handler that still calls others when its instance drains gets its answers", async () => {
  ran = new Map();
  await worker("depot");
  let entered = 0;
  const middle: Mesh = await mesh.service("middle", {
    work: async (request: { id: string }) => {
      entered++;
      await sleep(100);
      return await middle.call("depot", "work", request);
    },
  });
  const caller = await mesh.caller("asker");
  const calls = Array.from({ length: 20 }, async (_, n) => await caller.call("middle", "work", { id: `m${n}` }));
  await eventually(() => assert.equal(entered, 20));
  await mesh.leave(middle);
  assert.equal((await Promise.all(calls)).length, 20);
  await mesh.leave(caller);
});

test("two plain clients that count their requests alike do not take each other's answers", async () => {
  ran = new Map();
  await worker("counter");
  const one = new PlainCaller(await mesh.raw("visitor", "guest"), "visitor");
  const two = new PlainCaller(await mesh.raw("visitor", "guest"), "visitor");
  const fields = [header.timeout, "2000"];
  const ask = async (client: PlainCaller, id: string): Promise<unknown> => {
    const { payload } = await client.request("counter", "work", { id }, fields, 2_500);
    return JSON.parse(Buffer.from(payload).toString());
  };
  const replies = await Promise.all(
    Array.from(
      { length: 20 },
      async (_, n) => [await Promise.all([ask(one, `one${n}`), ask(two, `two${n}`)]), n] as const,
    ),
  );
  for (const [pair, n] of replies) assert.deepEqual(pair, [`one${n}`, `two${n}`]);
});
