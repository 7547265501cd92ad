// Deadlines and cancellation: what a caller gives up on ends everywhere.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type CallContext, type Mesh, MeshError } from "@malla/sdk";
import { eventually, rejection, startMesh, type TestMesh, timed } from "../harness/index.ts";

let mesh: TestMesh;
let caller: Mesh;

interface Run {
  readonly name: string;
  readonly remainingMs: number;
  readonly signal: AbortSignal;
  readonly startedAtMs: number;
  abortedAtMs: number;
}
const runs: Run[] = [];

function note(name: string, context: CallContext): Run {
  const { signal } = context;
  const run: Run = { name, signal, remainingMs: context.remainingMs(), startedAtMs: performance.now(), abortedAtMs: 0 };
  signal.addEventListener("abort", () => {
    run.abortedAtMs = performance.now();
  });
  runs.push(run);
  return run;
}

before(async () => {
  mesh = await startMesh({ serves: ["twig", "branch"] });
  const twig = {
    hang: async (_: unknown, context: CallContext) => {
      note("twig", context);
      await once(context.signal, "abort");
      throw new Error("too late to matter");
    },
    deaf: async ({ ms }: { ms: number }, context: CallContext) => {
      note("deaf", context);
      await sleep(ms);
      return "finished";
    },
  };
  await mesh.service("twig", twig);
  const branch: Mesh = await mesh.service("branch", {
    pass: async (request: unknown, context: CallContext) => {
      note("branch", context);
      await sleep(60);
      return await branch.call("twig", "hang", request);
    },
    passLonger: async (request: unknown, context: CallContext) => {
      note("branch", context);
      return await branch.call("twig", "hang", request, { timeoutMs: 60_000 });
    },
    shorter: async (request: unknown, context: CallContext) => {
      note("branch", context);
      return await branch.call("twig", "hang", request, { timeoutMs: 100 });
    },
  });
  caller = await mesh.caller("asker");
  await mesh.routersHeard();
});

after(async () => {
  await mesh?.stop();
});

async function failure(promise: Promise<unknown>): Promise<MeshError> {
  const error = await rejection(promise);
  assert.ok(error instanceof MeshError, String(error));
  return error;
}

function runOf(name: string): Run {
  const run = runs.findLast((one) => one.name === name);
  assert.ok(run, `${name} has not run`);
  return run;
}

test("a call ends at its deadline, and so does its handler", async () => {
  runs.length = 0;
  const { result, ms } = await timed(async () => await failure(caller.call("twig", "hang", {}, { timeoutMs: 600 })));
  assert.deepEqual([result.status, result.reason], ["DEADLINE_EXCEEDED", "deadline"]);
  assert.ok(ms >= 570 && ms < 1_200, `${ms} ms`);
  const run = runOf("twig");
  assert.ok(run.remainingMs > 100 && run.remainingMs <= 600, `the handler was told ${run.remainingMs} ms`);
  await eventually(() => assert.ok(run.signal.aborted), { withinMs: 1_000 });
  // The router's word that its deadline has passed and the instance's own timer race for the same instant.
  assert.ok(["deadline", "cancelled"].includes((run.signal.reason as MeshError).reason));
});

test("a handler that does not listen is answered for at the deadline", async () => {
  const { result, ms } = await timed(
    async () => await failure(caller.call("twig", "deaf", { ms: 3_000 }, { timeoutMs: 200 })),
  );
  assert.equal(result.reason, "deadline");
  assert.ok(ms < 900, `${ms} ms`);
});

test("a nested call gets what is left, whatever it asks for", async () => {
  for (const method of ["pass", "passLonger"]) {
    runs.length = 0;
    const error = await failure(caller.call("branch", method, {}, { timeoutMs: 600 }));
    assert.equal(error.status, "DEADLINE_EXCEEDED", method);
    const outer = runOf("branch");
    const inner = runOf("twig");
    // The branch works for 60 ms before it calls, which nobody gives back.
    const leastMs = method === "pass" ? 55 : 0;
    const spentMs = outer.remainingMs - inner.remainingMs;
    assert.ok(spentMs >= leastMs, `${method}: only ${spentMs} ms were taken off`);
    assert.ok(inner.remainingMs <= outer.remainingMs, method);
    // The outer handler may have ended by then, by the nested call's failure a moment before its own deadline.
    await eventually(() => assert.ok(inner.signal.aborted), { withinMs: 1_500 });
  }
});

test("a nested call may ask for less, and the outer one survives its failure", async () => {
  runs.length = 0;
  const { result, ms } = await timed(
    async () => await failure(caller.call("branch", "shorter", {}, { timeoutMs: 5_000 })),
  );
  assert.deepEqual([result.status, result.reason, result.origin], ["DEADLINE_EXCEEDED", "application", "instance"]);
  assert.ok(ms < 600, `${ms} ms`);
});

test("aborting a call cancels its handler and the calls the handler made", async () => {
  runs.length = 0;
  const controller = new AbortController();
  const running = failure(caller.call("branch", "pass", {}, { timeoutMs: 20_000, signal: controller.signal }));
  await eventually(() => assert.equal(runs.length, 2));
  const abortedAtMs = performance.now();
  controller.abort();
  const error = await running;
  assert.deepEqual([error.status, error.reason], ["CANCELLED", "cancelled"]);
  await eventually(() => assert.ok(runOf("branch").signal.aborted && runOf("twig").signal.aborted), {
    withinMs: 1_000,
  });
  for (const name of ["branch", "twig"]) {
    assert.equal((runOf(name).signal.reason as MeshError).reason, "cancelled", name);
    assert.ok(runOf(name).abortedAtMs - abortedAtMs < 800, `${name} after ${runOf(name).abortedAtMs - abortedAtMs} ms`);
  }
});

test("a signal that is aborted already sends nothing", async () => {
  runs.length = 0;
  const error = await failure(caller.call("twig", "hang", {}, { signal: AbortSignal.abort() }));
  assert.equal(error.reason, "cancelled");
  await sleep(50);
  assert.equal(runs.length, 0);
});

test("a cancel right behind its call, and one behind its end, do no harm", async () => {
  for (let i = 0; i < 50; i++) {
    const controller = new AbortController();
    const running = caller
      .call("twig", "deaf", { ms: i % 3 }, { signal: controller.signal })
      .catch((error: unknown) => error);
    if (i % 2 === 0) controller.abort();
    else setTimeout(() => controller.abort(), i % 5);
    const outcome = await running;
    if (outcome !== "finished") assert.equal((outcome as MeshError).reason, "cancelled");
  }
  assert.equal(await caller.call("twig", "deaf", { ms: 0 }), "finished");
});

test("nothing stays in flight afterwards", async () => {
  const [router] = mesh.routers;
  assert.ok(router);
  await eventually(async () => assert.equal(await mesh.metric(router, "mesh_requests_in_flight"), 0));
});

test("the deadline of a caller who does not know its router is kept too", async () => {
  const early = await mesh.caller("early");
  const { result, ms } = await timed(async () => await failure(early.call("twig", "hang", {}, { timeoutMs: 200 })));
  assert.equal(result.reason, "deadline");
  assert.ok(ms < 900, `${ms} ms`);
});

test("a route's own timeout is the most a caller gets", async () => {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: Route
metadata: { name: quick }
spec: { match: { service: twig, methods: [hang] }, timeoutMs: 150 }
`);
  const { result, ms } = await timed(async () => await failure(caller.call("twig", "hang", {}, { timeoutMs: 5_000 })));
  assert.equal(result.reason, "deadline");
  assert.ok(ms < 900, `${ms} ms`);
  await mesh.remove("Route/quick");
});
