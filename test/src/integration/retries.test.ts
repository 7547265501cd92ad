// What is tried again, and what never is. A ledger in each handler says how often a call truly ran.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type CallContext, type Mesh, MeshError } from "@malla/sdk";
import { eventually, ranTwice, readLedger, rejection, startMesh, type TestMesh, timed } from "../harness/index.ts";

let mesh: TestMesh;
let caller: Mesh;

before(async () => {
  mesh = await startMesh({
    serves: ["clinic", "hopeless", "plainly", "late", "moody", "meltdown", "mortal", "till", "counter"],
  });
  caller = await mesh.caller("asker");
  await mesh.routersHeard();
});

after(async () => {
  await mesh?.stop();
});

interface Run {
  readonly id: string;
  readonly instance: number;
  readonly attempt: number;
  readonly requestId: string;
}

/** Instances that do as `behave` says and write down that they were called. */
async function instances(
  service: string,
  count: number,
  behave: (run: Run) => unknown,
): Promise<{ readonly runs: Run[]; readonly members: readonly Mesh[] }> {
  const runs: Run[] = [];
  const members: Mesh[] = [];
  for (let instance = 0; instance < count; instance++) {
    const work = async ({ id }: { id: string }, { attempt, requestId }: CallContext): Promise<unknown> => {
      const run = { id, instance, attempt, requestId };
      runs.push(run);
      return await behave(run);
    };
    members.push(await mesh.service(service, { read: work, write: work }));
  }
  return { runs, members };
}

async function policy(service: string, more = ""): Promise<void> {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: ${service} }
spec: { service: ${service}, loadBalancer: round-robin, idempotentMethods: [read] ${more} }
`);
}

function unavailable(): never {
  throw new MeshError({ status: "UNAVAILABLE", message: "injected" });
}

async function failure(promise: Promise<unknown>): Promise<MeshError> {
  const error = await rejection(promise);
  assert.ok(error instanceof MeshError, String(error));
  return error;
}

test("a policy's retries take an idempotent call's UNAVAILABLE elsewhere, and leave the others alone", async () => {
  await policy(
    "clinic",
    ", retries: { attempts: 2, on: [unavailable], backoff: { fixed: { delayMs: 5 } }, budget: { percent: 100, minPerSecond: 100 } }",
  );
  const { runs } = await instances("clinic", 3, (run) => (run.instance === 0 ? unavailable() : run.instance));
  for (let n = 0; n < 30; n++) assert.notEqual(await caller.call("clinic", "read", { id: `r${n}` }), 0);
  const retried = runs.filter(({ attempt }) => attempt === 2);
  assert.ok(retried.length > 0, "the failing instance was never tried");
  for (const run of retried) {
    const first = runs.find(({ id, attempt }) => id === run.id && attempt === 1);
    assert.equal(first?.instance, 0);
    assert.equal(first.requestId, run.requestId, "attempts of one call share its request id");
  }
  runs.length = 0;
  let failed = 0;
  for (let n = 0; n < 30; n++) await caller.call("clinic", "write", { id: `w${n}` }).catch(() => failed++);
  assert.equal(runs.length, 30, "a call that is not idempotent ran again");
  assert.equal(runs.filter(({ instance }) => instance === 0).length, failed);
});

test("attempts end at the number the policy gives, and the error says how many there were", async () => {
  await policy(
    "hopeless",
    ", retries: { attempts: 3, on: [unavailable], backoff: { fixed: { delayMs: 1 } }, budget: { percent: 100, minPerSecond: 100 } }",
  );
  const { runs } = await instances("hopeless", 2, unavailable);
  const error = await failure(caller.call("hopeless", "read", { id: "x" }));
  assert.deepEqual(
    [error.status, error.reason, error.message, error.attempts],
    ["UNAVAILABLE", "application", "injected", 4],
  );
  assert.deepEqual(
    runs.map(({ attempt }) => attempt),
    [1, 2, 3, 4],
  );
});

test("without a policy an application's own refusal is never tried again", async () => {
  await policy("plainly");
  const { runs } = await instances("plainly", 2, unavailable);
  await failure(caller.call("plainly", "read", { id: "x" }));
  assert.equal(runs.length, 1);
});

test("a call that would outlive its deadline is not tried again", async () => {
  await policy(
    "late",
    ", retries: { attempts: 5, on: [unavailable], backoff: { fixed: { delayMs: 400 } }, budget: { percent: 100, minPerSecond: 100 } }",
  );
  const { runs } = await instances("late", 2, unavailable);
  const { result, ms } = await timed(
    async () => await failure(caller.call("late", "read", { id: "x" }, { timeoutMs: 200 })),
  );
  assert.equal(result.message, "injected");
  assert.equal(runs.length, 1);
  assert.ok(ms < 150, `${ms} ms`);
});

test("a try that takes too long is cancelled and goes to another instance, if that is safe", async () => {
  await policy("moody");
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: Route
metadata: { name: moody }
spec: { match: { service: moody }, timeoutMs: 3000, perTryTimeoutMs: 150 }
`);
  let stuck: AbortSignal | undefined;
  const runs: number[] = [];
  for (const instance of [0, 1]) {
    const work = async (_: unknown, { signal }: CallContext): Promise<number> => {
      runs.push(instance);
      if (runs.length === 1) {
        stuck = signal;
        await sleep(2_000, undefined, { signal }).catch(() => undefined);
      }
      return instance;
    };
    await mesh.service("moody", { read: work, write: work });
  }
  const { ms } = await timed(async () => await caller.call("moody", "read", {}));
  assert.ok(ms >= 140 && ms < 700, `${ms} ms`);
  assert.deepEqual(new Set(runs), new Set([0, 1]));
  assert.ok(stuck?.aborted, "the try that was given up was not cancelled");
  runs.length = 0;
  const error = await failure(caller.call("moody", "write", {}));
  assert.deepEqual([error.reason, error.attempts], ["deadline", 1]);
  assert.match(error.message, /perTryTimeoutMs/);
  assert.equal(runs.length, 1);
});

test("the budget ends retries when everything fails", async () => {
  await policy(
    "meltdown",
    ", retries: { attempts: 2, on: [unavailable], backoff: { fixed: { delayMs: 1 } }, budget: { percent: 20, minPerSecond: 1 } }",
  );
  const { runs } = await instances("meltdown", 2, unavailable);
  const CALLS = 200;
  // Few at a time: with one instance ejected, the other must not be full, or a retry would be refused for that.
  const AT_A_TIME = 40;
  for (let from = 0; from < CALLS; from += AT_A_TIME) {
    const ids = Array.from({ length: AT_A_TIME }, (_, i) => `m${from + i}`);
    await Promise.all(ids.map(async (id) => await failure(caller.call("meltdown", "read", { id }))));
  }
  const retries = runs.length - CALLS;
  // 20 % of 200 calls, and one a second over the ten-second window.
  assert.ok(retries > 0 && retries <= CALLS * 0.2 + 10, `${retries} retries`);
  assert.equal(await mesh.carrierMetric(caller, "mesh_retries_total", { service: "meltdown" }), retries);
});

test("a killed instance's idempotent calls are done by another one, the others end as gone, and none of those ran twice", async () => {
  await policy("mortal");
  const ledger = join(mesh.folder, "mortal.ledger");
  const [victim, survivor] = await Promise.all([
    mesh.instanceProcess("mortal", ledger),
    mesh.instanceProcess("mortal", ledger),
  ]);
  const call = async (method: string, n: number): Promise<{ instance: string } | MeshError> =>
    await caller
      .call<{ instance: string }>("mortal", method, { id: `${method}${n}`, workMs: 800 })
      .catch((error: unknown) => error as MeshError);
  const reads = Array.from({ length: 20 }, async (_, n) => await call("read", n));
  const writes = Array.from({ length: 20 }, async (_, n) => await call("write", n));
  await eventually(() => assert.equal(readLedger(ledger).length, 40));
  const begun = readLedger(ledger).filter(({ instance }) => instance === victim.instance);
  assert.ok(begun.some(({ kind }) => kind === "read") && begun.some(({ kind }) => kind === "write"));
  const { ms } = await timed(async () => {
    await victim.kill();
    for (const reply of await Promise.all(reads)) {
      assert.ok(!(reply instanceof MeshError), String(reply));
      assert.equal(reply.instance, survivor.instance);
    }
    for (const [n, reply] of (await Promise.all(writes)).entries()) {
      const wasLost = begun.some(({ id }) => id === `write${n}`);
      if (wasLost)
        assert.deepEqual([(reply as MeshError).status, (reply as MeshError).reason], ["UNAVAILABLE", "gone"]);
      else assert.equal((reply as { instance: string }).instance, survivor.instance);
    }
  });
  assert.ok(ms < 5_000, `it took ${ms} ms`);
  assert.deepEqual(ranTwice(readLedger(ledger), "write"), []);
});

test("an idempotency key makes a call run once, for as many as ask", async () => {
  const { runs } = await instances("till", 2, async ({ id }) => {
    await sleep(80);
    return `receipt ${id} ${Math.random()}`;
  });
  const ask = async (): Promise<unknown> =>
    await caller.call("till", "write", { id: "a" }, { idempotencyKey: "order-1" });
  const together = await Promise.all([ask(), ask(), ask()]);
  const later = await ask();
  assert.equal(new Set([...together, later]).size, 1);
  assert.equal(runs.length, 1);
  await caller.call("till", "write", { id: "b" }, { idempotencyKey: "order-2" });
  assert.equal(runs.length, 2, "another key is another call");
  const other = await mesh.caller("other");
  await other.call("till", "write", { id: "c" }, { idempotencyKey: "order-1" });
  assert.equal(runs.length, 3, "the same key of another principal is another call");
});

test("a refusal of the application is remembered by its key too; one that never ran is free again", async () => {
  let refuse = true;
  const { runs, members } = await instances("counter", 1, () => {
    if (refuse) throw new MeshError({ status: "FAILED_PRECONDITION", message: "closed today" });
    return "open";
  });
  const ask = async (key: string): Promise<unknown> =>
    await caller.call("counter", "write", { id: key }, { idempotencyKey: key, timeoutMs: 4_000 });
  assert.equal((await failure(ask("k1"))).status, "FAILED_PRECONDITION");
  refuse = false;
  const again = await failure(ask("k1"));
  assert.deepEqual([again.status, again.reason, again.message], ["FAILED_PRECONDITION", "application", "closed today"]);
  assert.equal(runs.length, 1);
  for (const member of members) await mesh.leave(member);
  assert.equal((await failure(ask("k2"))).reason, "no-instance");
  await mesh.service("counter", { write: () => "reopened" });
  assert.equal(await ask("k2"), "reopened");
});
