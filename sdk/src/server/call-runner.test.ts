// Calls whose request comes, or whose reply goes, in frames, as the instance runs them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_ASSEMBLED_BYTES_PER_PEER } from "../call/frames/frame-bounds.ts";
import { FramePool } from "../call/frames/frame-pool.ts";
import { errorOfReply } from "../call/respond.ts";
import { CallerFrames } from "../client/caller-frames.ts";
import { ServiceInboxes } from "../client/service-inboxes.ts";
import {
  encodeHeaderBlock,
  header,
  headerValue,
  type MeshError,
  parseHeaderBlock,
  replySubject,
  runSubject,
} from "../contract/index.ts";
import { RouterDirectory } from "../discovery/router-directory.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { RecordedTelemetry } from "../testing/recorded-telemetry.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { type Handler, jsonEndpoints } from "./endpoint.ts";
import { EndpointStats } from "./endpoint-stats.ts";
import { Receiver } from "./receive.ts";

const ID = "0123456789abcdef";
const ROUTER = "router-a";
const LARGE = Buffer.alloc(150 * 1024, 5);
const BYTES = "application/octet-stream";

function world(handler: Handler, maxPayloadBytes = 64 * 1024) {
  const server = new MemoryServer({ maxPayloadBytes });
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  const pool = new FramePool();
  const [instance, router, broker] = [server.connect(), server.connect(), server.connect()];
  const receiver = new Receiver({
    broker: instance,
    runtime,
    pool,
    routers: new RouterDirectory(),
    service: "orders",
    instance: "i1",
    version: "1.0.0",
    maxInFlight: 10,
  });
  const [endpoint] = jsonEndpoints({ work: handler });
  assert.ok(endpoint);
  receiver.add(endpoint, new EndpointStats("work"));
  receiver.start();
  const callerPool = new FramePool();
  const inboxes: ServiceInboxes = new ServiceInboxes(broker, runtime.clock, "cart", "conn", (...heard) =>
    frames.hear(...heard),
  );
  const common = { broker, runtime, inboxes, principal: "cart", connection: "conn" };
  const frames = new CallerFrames({ ...common, pool: callerPool });
  frames.start(() => true);
  frames.enter("orders");
  const answers: { error: MeshError | undefined; bytes: string | undefined; length: number }[] = [];
  router.subscribe(`mesh.reply.${ROUTER}.*.*`, ({ headers, payload }) => {
    const block = parseHeaderBlock(headers);
    assert.ok(typeof block !== "string");
    const bytes = headerValue(block, header.bytes);
    answers.push({ error: errorOfReply(block, "instance"), bytes, length: payload.length });
  });
  const send = (fields: readonly string[], payload: Uint8Array = new Uint8Array(0)): void =>
    router.publish(
      runSubject("orders", "i1", "cart", "work"),
      payload,
      replySubject(ROUTER, "orders", "a1"),
      encodeHeaderBlock([header.stream, `conn-${ID}`, "Content-Type", BYTES, ...fields]),
    );
  const cancel = (): void =>
    router.publish(
      runSubject("orders", "i1", "cart", "work"),
      new Uint8Array(0),
      undefined,
      encodeHeaderBlock([header.cancel, "a1"]),
    );
  return { server, telemetry, runtime, pool, receiver, frames, callerPool, broker, answers, send, cancel };
}

const request = [header.bytes, String(LARGE.length)];

test("the handler gets the whole request, and its reply follows in frames with an end record", async () => {
  const got: Uint8Array[] = [];
  const w = world((value: Uint8Array) => {
    got.push(value);
    return value;
  });
  w.frames.hold("orders", ID, LARGE);
  w.send(request);
  await w.server.settle();
  assert.ok(LARGE.equals(got[0] as Uint8Array));
  assert.deepEqual(w.answers, [{ error: undefined, bytes: String(LARGE.length), length: 0 }]);
  const came: Uint8Array[] = [];
  w.frames.awaitReply("orders", ID, LARGE.length, (_error, payload) => payload && came.push(payload));
  assert.ok(LARGE.equals(came[0] as Uint8Array));
  assert.equal(w.pool.bytes, 0);
  assert.deepEqual(
    w.telemetry.calls.map(({ code }) => code),
    ["OK"],
  );
});

test("a cancel while the request arrives, and one while the reply goes, end the call and free its bytes", async () => {
  for (const phase of ["request", "reply"] as const) {
    let runs = 0;
    const w = world(() => {
      runs++;
      return Buffer.alloc(1024 * 1024);
    });
    let frames = 0;
    w.server.lose(({ payload }) => payload.length > 0 && ++frames > 3);
    w.frames.hold("orders", ID, LARGE);
    w.send(phase === "request" ? request : []);
    await w.server.settle();
    assert.ok(w.pool.bytes > 0);
    w.cancel();
    await w.server.settle();
    assert.deepEqual(
      w.answers.map(({ error }) => error?.reason),
      ["cancelled"],
      phase,
    );
    assert.equal(runs, phase === "request" ? 0 : 1);
    assert.deepEqual([w.pool.bytes, w.receiver.load.inFlight], [0, 0]);
    assert.deepEqual(w.telemetry.inFlight, {});
  }
});

test("the deadline ends a request that does not come, and it counts as running until then", async () => {
  const w = world(() => assert.fail("it has not come"));
  w.send([...request, header.timeout, "400"]);
  await w.server.settle();
  assert.equal(w.receiver.load.inFlight, 1);
  let idle = false;
  w.receiver.drain();
  void w.receiver.whenIdle().then(() => (idle = true));
  for (let i = 0; i < 20; i++) {
    w.runtime.clock.advance(25);
    await w.server.settle();
  }
  assert.deepEqual(
    w.answers.map(({ error }) => [error?.reason, error?.message]),
    [["deadline", "the deadline passed while the request was on its way"]],
  );
  assert.deepEqual([w.pool.bytes, idle], [0, true]);
});

test("a drain waits until the last reply has arrived", async () => {
  const w = world(() => LARGE);
  let losing = true;
  w.server.lose(({ payload, subject }) => losing && payload.length === 0 && subject.startsWith("mesh.frames."));
  w.send([]);
  await w.server.settle();
  let idle = false;
  w.receiver.drain();
  void w.receiver.whenIdle().then(() => (idle = true));
  await w.server.settle();
  assert.equal(idle, false);
  losing = false;
  for (let i = 0; i < 40; i++) {
    w.runtime.clock.advance(25);
    await w.server.settle();
  }
  assert.equal(idle, true);
  assert.equal(w.answers.length, 1);
});

test("a caller that listens to nobody gets the reply through the router, or too-large", async () => {
  for (const limit of [64 * 1024, 256 * 1024]) {
    const w = world(() => LARGE, limit);
    w.broker.disconnect();
    w.send([]);
    for (let i = 0; i < 160; i++) {
      w.runtime.clock.advance(25);
      await w.server.settle();
    }
    const [answer] = w.answers;
    if (limit > LARGE.length) assert.deepEqual(answer, { error: undefined, bytes: undefined, length: LARGE.length });
    else assert.equal(answer?.error?.reason, "too-large");
    assert.equal(w.pool.bytes, 0);
  }
});

test("a payload beside a handshake is refused, and so is a request there is no room for", async () => {
  const w = world(() => assert.fail("it must not run"));
  w.send(request, Buffer.from("{}"));
  await w.server.settle();
  assert.equal(w.answers[0]?.error?.reason, "bad-request");
  const v = world(() => assert.fail("it must not run"));
  v.pool.hold("cart", MAX_ASSEMBLED_BYTES_PER_PEER);
  v.send(request);
  await v.server.settle();
  assert.equal(v.answers[0]?.error?.reason, "overloaded");
  assert.equal(v.receiver.load.inFlight, 0);
});
