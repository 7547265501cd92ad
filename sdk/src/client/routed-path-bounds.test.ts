// A caller that waits for nothing: the NATS client would take whatever it is given, so the path says no in time.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { MeshError } from "../contract/index.ts";
import { RouterDirectory } from "../discovery/router-directory.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { OutgoingCalls } from "./outgoing-calls.ts";
import { RoutedPath } from "./routed-path.ts";

function world(maxCalls: number, maxBytes: number) {
  const server = new MemoryServer({ maxPayloadBytes: 64 * 1024 });
  const runtime = createTestRuntime();
  const outgoing = new OutgoingCalls(maxCalls, maxBytes);
  const path = new RoutedPath({
    broker: server.connect(),
    runtime,
    principal: "cart",
    connection: "conn",
    routers: new RouterDirectory(),
    outgoing,
    frames: undefined,
  });
  path.start();
  const router = server.connect();
  const replies: string[] = [];
  router.subscribe("mesh.call.cart.*.*", ({ reply }) => replies.push(reply));
  return {
    outgoing,
    path,
    server,
    runtime,
    arrived: replies,
    answer: () => router.publish(replies.shift() ?? assert.fail("nothing arrived"), Buffer.from("ok")),
    call: (bytes = 0) => {
      const outcomes: (MeshError | undefined)[] = [];
      const request = { service: "orders", method: "place", fields: [], repeatable: false, needsRouter: false };
      const deadlineAtMs = runtime.clock.nowMs() + 1_000;
      const rest = { payload: Buffer.alloc(bytes), deadlineAtMs, span: undefined, trace: undefined };
      path.call({ ...request, ...rest }, (error) => outcomes.push(error));
      // Never before `call` has returned.
      assert.equal(outcomes.length, 0);
      return outcomes;
    },
  };
}

function facts(outcomes: readonly (MeshError | undefined)[]): unknown {
  return outcomes.map((error) => error && [error.reason, error.origin, error.attempts]);
}

test("one call too many is refused at once and never sent; a place that is free again is taken", async (t) => {
  const w = world(2, 1_000);
  t.after(() => w.path.stop());
  const first = w.call();
  w.call();
  const third = w.call();
  await w.server.settle();
  assert.deepEqual(facts(third), [["overloaded", "sdk", 0]]);
  assert.match(third[0]?.message ?? "", /2 calls.*maxOutgoingCalls/);
  assert.deepEqual([w.arrived.length, w.outgoing.count], [2, 2]);
  w.answer();
  await w.server.settle();
  assert.deepEqual(first, [undefined]);
  const fourth = w.call();
  await w.server.settle();
  assert.deepEqual([fourth.length, w.arrived.length, w.outgoing.count], [0, 2, 2]);
});

test("bytes that wait for an answer are bounded, and given back with it, whichever way the call ends", async (t) => {
  const w = world(100, 1_000);
  t.after(() => w.path.stop());
  w.call(600);
  const tooMany = w.call(401);
  const fits = w.call(400);
  await w.server.settle();
  assert.deepEqual(facts(tooMany), [["overloaded", "sdk", 0]]);
  assert.match(tooMany[0]?.message ?? "", /600 of 1000 bytes.*maxOutgoingBytes/);
  assert.equal(fits.length, 0);
  w.answer();
  await w.server.settle();
  const again = w.call(600);
  w.runtime.clock.advance(2_000);
  await w.server.settle();
  assert.deepEqual([again[0]?.reason, fits[0]?.reason, w.outgoing.count], ["deadline", "deadline", 0]);
  const last = w.call(1_000);
  await w.server.settle();
  assert.equal(last.length, 0);
});

test("a single payload larger than the bound is the broker's to judge", async (t) => {
  const w = world(100, 1_000);
  t.after(() => w.path.stop());
  const large = w.call(50_000);
  await w.server.settle();
  assert.deepEqual([large.length, w.arrived.length], [0, 1]);
  const wide = world(100, 1_000);
  t.after(() => wide.path.stop());
  // And takes no place from those that can be sent.
  const tooLarge = [wide.call(70_000), wide.call(70_000)];
  const beside = wide.call(10);
  await wide.server.settle();
  assert.deepEqual(
    tooLarge.map(([error]) => error?.reason),
    ["too-large", "too-large"],
  );
  assert.equal(beside.length, 0);
});
