// One router of two workers, as processes: both carry calls, either may be lost, one endpoint tells of both.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Mesh } from "@malla/sdk";
import { eventually, startLoad, startMesh, startProgram, type TestMesh, type TestRouter } from "../harness/index.ts";

let mesh: TestMesh;
let router: TestRouter;
let caller: Mesh;

before(async () => {
  mesh = await startMesh({ routers: 1, routerProcesses: true, workers: 2 });
  [router] = mesh.routers as [TestRouter];
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: shop }
spec: { service: shop, idempotentMethods: [read], retries: { attempts: 3, on: [unavailable, gone], backoff: { exponential: { baseMs: 10, capMs: 100 } }, budget: { percent: 100, minPerSecond: 100 } } }
`);
  await mesh.service("shop", { read: async () => await sleep(20, "read") });
  caller = await mesh.caller("asker");
  await routersHeard(2);
  await eventually(() => assert.ok(caller.policyRevision > 0));
});

after(async () => {
  await mesh?.stop();
});

/** Resolves when so many routers that take calls have been heard of. */
async function routersHeard(count: number): Promise<void> {
  const states = await mesh.watchRouters();
  await eventually(() => {
    const taking = [...states].filter(([, state]) => !state.draining).map(([id]) => id);
    assert.equal(taking.length, count, taking.join(", "));
  });
  await sleep(50);
}

function workerPids(): readonly number[] {
  const children = readFileSync(`/proc/${router.pid}/task/${router.pid}/children`, "utf8");
  return children.trim().split(" ").map(Number);
}

async function answerOf(path: string): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`http://127.0.0.1:${router.metricsPort}${path}`, { headers: { connection: "close" } });
  return { status: answer.status, text: await answer.text() };
}

/** Calls that instances of `shop` have run for routers, in all. */
async function carried(): Promise<number> {
  return await mesh.metric(router, "mesh_requests_total", { reporter: "router", service: "shop" });
}

test("both workers carry calls, and one endpoint tells of all of them", async () => {
  assert.equal(new Set(router.workers).size, 2);
  const asker = await mesh.raw("asker", "service");
  let answers = 0;
  asker.subscribe("_INBOX.asker.raw.*", () => void answers++);
  for (const id of router.workers) {
    for (let i = 0; i < 30; i++)
      asker.publish(`mesh.via.${id}.asker.shop.read`, Buffer.from("{}"), `_INBOX.asker.raw.${id}-${i}`);
  }
  await eventually(() => assert.equal(answers, 60));
  assert.equal(await carried(), 60);
  const { text } = await answerOf("/metrics");
  assert.match(text, /^mesh_router_workers\{state="ready"\} 2$/m);
  assert.equal([...text.matchAll(/^# TYPE mesh_requests_total /gm)].length, 1);
  assert.equal((await answerOf("/readyz")).status, 200);
  assert.equal((await answerOf("/healthz")).status, 200);
});

test("kill -9 of one loses no call that may be repeated; it comes back, and nothing is counted down", async () => {
  const reads = startLoad(20, async () => await caller.call("shop", "read", {}));
  await sleep(300);
  const before = await carried();
  const [victim] = workerPids();
  process.kill(victim as number, "SIGKILL");
  await eventually(async () => assert.equal((await answerOf("/readyz")).status, 200));
  assert.ok((await carried()) >= before, "a counter went down");
  await eventually(
    async () => assert.match((await answerOf("/metrics")).text, /^mesh_router_workers\{state="ready"\} 2$/m),
    {
      withinMs: 20_000,
    },
  );
  assert.match((await answerOf("/metrics")).text, /^mesh_router_worker_restarts_total 1$/m);
  assert.ok(!workerPids().includes(victim as number));
  const { failures, calls } = await reads.stop();
  assert.deepEqual(failures.map(String), [], `of ${calls}`);
  assert.match(router.log, /was ended by SIGKILL; starting it again/);
});

test("a worker that stands still hangs no question, and is told as such", async () => {
  const [victim] = workerPids() as [number];
  const before = await carried();
  process.kill(victim, "SIGSTOP");
  try {
    const startedAtMs = performance.now();
    assert.ok((await carried()) >= before);
    assert.ok(performance.now() - startedAtMs < 5_000);
    await eventually(async () => assert.match((await answerOf("/metrics")).text, /workers\{state="not-ready"\} 1$/m), {
      withinMs: 20_000,
    });
    assert.equal((await answerOf("/readyz")).status, 200);
  } finally {
    process.kill(victim, "SIGCONT");
  }
  await eventually(async () => assert.match((await answerOf("/metrics")).text, /workers\{state="ready"\} 2$/m), {
    withinMs: 20_000,
  });
});

test("SIGTERM drains all workers without a failed call, and leaves no process", async () => {
  await mesh.addRouter({ routerProcesses: true });
  await routersHeard(3);
  const reads = startLoad(20, async () => await caller.call("shop", "read", {}));
  await sleep(300);
  const pids = workerPids();
  await router.drain();
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  await sleep(200);
  const { failures, calls } = await reads.stop();
  assert.deepEqual(failures.map(String), [], `of ${calls}`);
});

test("workers end when their supervisor is killed", async () => {
  router = await mesh.addRouter({ routerProcesses: true, workers: 2 });
  const pids = workerPids();
  assert.equal(pids.length, 2);
  await router.kill();
  await eventually(
    () => {
      for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    },
    { withinMs: 20_000 },
  );
});

test("what cannot start says why once, ends with 1 and leaves nothing", async () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.resolve("@malla/router")));
  const start = startProgram(main, {
    NATS_URL: mesh.url,
    MALLA_ROUTER_SIGNER: join(mesh.folder, "nowhere.json"),
    MALLA_METRICS_PORT: "0",
    MALLA_ROUTER_WORKERS: "2",
  });
  await assert.rejects(start, ({ message }: Error) => {
    assert.match(message, /it ended with 1\n/);
    assert.equal([...message.matchAll(/nowhere\.json/g)].length, 1, message);
    return true;
  });
});
