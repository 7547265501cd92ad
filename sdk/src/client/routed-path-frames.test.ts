// The routed path where payloads go in frames: what the router sees of them, and how such calls end.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { BrokerMessage } from "../broker/broker.ts";
import { FramePool } from "../call/frames/frame-pool.ts";
import {
  encodeHeaderBlock,
  header,
  headerValue,
  MeshError,
  parseHeaderBlock,
  ROUTER_QUEUE,
} from "../contract/index.ts";
import { RouterDirectory } from "../discovery/router-directory.ts";
import { InstanceFrames } from "../server/instance-frames.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { CallerFrames } from "./caller-frames.ts";
import { OutgoingCalls } from "./outgoing-calls.ts";
import type { CallReply, OutgoingRequest } from "./outgoing-request.ts";
import { RoutedPath } from "./routed-path.ts";
import { ServiceInboxes } from "./service-inboxes.ts";

const EMPTY = new Uint8Array(0);
const LARGE = Buffer.alloc(100 * 1024, 3);

beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
afterEach(() => mock.timers.reset());

function world(maxPayloadBytes = 64 * 1024) {
  const server = new MemoryServer({ maxPayloadBytes });
  const runtime = createTestRuntime();
  const broker = server.connect();
  const pool = new FramePool();
  const common = { broker, runtime, principal: "cart", connection: "conn" };
  const inboxes: ServiceInboxes = new ServiceInboxes(broker, runtime.clock, "cart", "conn", (...heard) =>
    frames.hear(...heard),
  );
  const frames = new CallerFrames({ ...common, pool, inboxes });
  const outgoing = new OutgoingCalls(100, 1e8);
  const path = new RoutedPath({ ...common, routers: new RouterDirectory(), frames, outgoing });
  path.start();
  const requests: BrokerMessage[] = [];
  const router = server.connect();
  let onRequest: (message: BrokerMessage) => void = () => undefined;
  router.subscribe(
    "mesh.call.*.*.*",
    (message) => {
      requests.push(message);
      onRequest(message);
    },
    ROUTER_QUEUE,
  );
  const connection = server.connect();
  const instance = new InstanceFrames({
    broker: connection,
    runtime,
    pool: new FramePool(),
    service: "orders",
    instance: "i1",
  });
  return {
    server,
    runtime,
    path,
    outgoing,
    frames,
    pool,
    instance,
    connection,
    requests,
    onRequest: (run: (message: BrokerMessage) => void) => {
      onRequest = run;
    },
    reply: ({ reply }: BrokerMessage, fields: readonly string[], payload: Uint8Array = EMPTY) =>
      router.publish(reply, payload, undefined, encodeHeaderBlock(fields)),
    call: (payload: Uint8Array, repeatable = false) => {
      const outcome: { error: MeshError | undefined; reply: CallReply | undefined }[] = [];
      const deadlineAtMs = runtime.clock.nowMs() + 20_000;
      const request: OutgoingRequest = {
        service: "orders",
        method: "place",
        payload,
        fields: [],
        deadlineAtMs,
        repeatable,
        needsRouter: false,
        span: undefined,
        trace: undefined,
      };
      return { outcome, running: path.call(request, (error, reply) => outcome.push({ error, reply })) };
    },
    pass: async (ms: number) => {
      for (let left = ms; left > 0; left -= 125) {
        runtime.clock.advance(125);
        mock.timers.tick(125);
        await server.settle();
      }
    },
  };
}

function fieldOf(message: BrokerMessage | undefined, name: string): string | undefined {
  const block = parseHeaderBlock(message?.headers ?? EMPTY);
  assert.ok(typeof block !== "string");
  return headerValue(block, name);
}

/** The stream's end as the instance is handed it with this request. */
function endOf(message: BrokerMessage | undefined): { principal: string; stream: string; attempt: number } {
  return { principal: "cart", stream: fieldOf(message, header.stream) ?? "", attempt: 1 };
}

test("a large request is a handshake with its size, a small one is in the message; both name a stream", async () => {
  const w = world();
  w.call(LARGE);
  w.call(Buffer.alloc(32 * 1024));
  w.call(EMPTY);
  await w.server.settle();
  assert.deepEqual(
    w.requests.map((message) => [message.payload.length, fieldOf(message, header.bytes)]),
    [
      [0, String(LARGE.length)],
      [32 * 1024, undefined],
      [0, undefined],
    ],
  );
  for (const message of w.requests) {
    const id = message.reply.split(".").at(-1);
    assert.equal(fieldOf(message, header.stream), `conn-${id}`);
  }
  assert.equal(w.frames.size, 1, "small ones hold nothing");
  w.path.stop();
});

test("both payloads past the router, and everything is free afterwards", async () => {
  const w = world();
  w.onRequest((message) => {
    const transfer = w.instance.receive(
      endOf(message),
      Number(fieldOf(message, header.bytes)),
      (payload) => {
        const told = { sentAll: () => w.reply(message, [header.bytes, String(payload.length), "X-A", "b"]) };
        w.instance.offer(endOf(message), payload, false, { ...told, failed: assert.fail as () => void });
        (transfer as { close(): void }).close();
      },
      assert.fail as () => void,
    );
  });
  const { outcome } = w.call(LARGE);
  await w.server.settle();
  assert.equal(outcome.length, 1);
  assert.ok(LARGE.equals(outcome[0]?.reply?.payload ?? EMPTY));
  assert.deepEqual(outcome[0]?.reply?.headers.fields.slice(2), ["X-A", "b"]);
  assert.deepEqual([w.frames.size, w.instance.size, w.pool.bytes, w.outgoing.count], [0, 0, 0, 0]);
  w.path.stop();
  assert.equal(w.runtime.timers.pending, 0);
});

test("told to send it whole it does so, and the next ones at once, for a minute", async () => {
  const w = world(256 * 1024);
  w.onRequest((message) => {
    if (fieldOf(message, header.bytes) === undefined) w.reply(message, [], message.payload);
    else w.reply(message, [header.notice, "whole"]);
  });
  const first = w.call(LARGE);
  await w.server.settle();
  assert.ok(LARGE.equals(first.outcome[0]?.reply?.payload ?? EMPTY));
  assert.equal(w.requests.length, 2);
  const second = w.call(LARGE);
  await w.server.settle();
  assert.equal(second.outcome.length, 1);
  assert.equal(w.requests.length, 3);
  await w.pass(61_000);
  w.call(LARGE);
  await w.server.settle();
  assert.equal(w.requests.length, 5);
  w.path.stop();
});

test("told to send whole what the broker does not carry, it is too-large", async () => {
  const w = world();
  w.onRequest((message) => w.reply(message, [header.notice, "whole"]));
  const { outcome } = w.call(LARGE);
  await w.server.settle();
  assert.equal(outcome[0]?.error?.reason, "too-large");
  assert.deepEqual([w.frames.size, w.outgoing.count], [0, 0]);
  w.path.stop();
});

test("whose instance is gone after its router's last word ends as gone, or is sent again if it may be", async () => {
  for (const repeatable of [false, true]) {
    const w = world();
    w.onRequest((message) => {
      if (w.requests.length > 1) {
        w.reply(message, [], Buffer.from("second"));
        return;
      }
      w.instance.offer(endOf(message), LARGE, false, { sentAll: () => undefined, failed: () => undefined });
      // All frames get lost, the end record does not.
      w.server.lose(({ subject, payload }) => subject.startsWith("_INBOX.cart.orders.") && payload.length > 0);
      setImmediate(() => setImmediate(() => w.reply(message, [header.bytes, String(LARGE.length)])));
    });
    const { outcome } = w.call(EMPTY, repeatable);
    await w.server.settle();
    assert.equal(outcome.length, 0);
    w.connection.disconnect();
    await w.pass(4_000);
    assert.equal(outcome.length, 1);
    if (repeatable) assert.equal(Buffer.from(outcome[0]?.reply?.payload ?? EMPTY).toString(), "second");
    else assert.equal(outcome[0]?.error?.reason, "gone");
    assert.deepEqual([w.frames.size, w.pool.bytes], [0, 0]);
    w.path.stop();
  }
});

test("what is given up while its reply's frames are awaited tells the instance so", async () => {
  const w = world();
  const ended: string[] = [];
  w.onRequest((message) => {
    let frames = 0;
    w.server.lose(({ payload }) => payload.length > 0 && ++frames > 3);
    w.instance.offer(endOf(message), LARGE, false, {
      sentAll: () => ended.push("sent all"),
      failed: (why) => ended.push(why),
    });
    setImmediate(() => setImmediate(() => w.reply(message, [header.bytes, String(LARGE.length)])));
  });
  const { outcome, running } = w.call(EMPTY);
  await w.server.settle();
  assert.ok(w.instance.size > 0);
  running.cancel(MeshError.of("cancelled", "the caller gave up"));
  await w.server.settle();
  assert.equal(outcome[0]?.error?.reason, "cancelled");
  assert.deepEqual([w.instance.size, w.frames.size, w.pool.bytes], [0, 0, 0]);
  w.path.stop();
});
