import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { decodeInstanceState, type InstanceState } from "../contract/index.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { Announcer } from "./announcer.ts";

beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
afterEach(() => mock.timers.reset());

function announced(): {
  server: MemoryServer;
  broker: ReturnType<MemoryServer["connect"]>;
  runtime: ReturnType<typeof createTestRuntime>;
  heard: InstanceState[];
  announcer: Announcer;
} {
  const server = new MemoryServer();
  const broker = server.connect();
  const runtime = createTestRuntime();
  const heard: InstanceState[] = [];
  server
    .connect()
    .subscribe("mesh.instance.orders.i1", ({ payload }) => heard.push(decodeInstanceState(payload) ?? assert.fail()));
  const announcer = new Announcer({
    broker,
    runtime,
    service: "orders",
    instance: "i1",
    facts: () => ({
      version: "1.2.3",
      tags: { zone: "a" },
      methods: ["place"],
      idempotentMethods: [],
      maxInFlight: 9,
      capabilities: ["frames"],
    }),
    load: () => ({ inFlight: 2, queued: 1, loopLagMs: 0 }),
  });
  return { server, broker, runtime, heard, announcer };
}

test("what nobody would read is told before it is said", () => {
  const check = (methods: readonly string[], tags: Readonly<Record<string, string>> = {}): void => {
    const { broker, runtime } = announced();
    const facts = { version: "1.0.0", tags, methods, idempotentMethods: [], maxInFlight: 1, capabilities: [] };
    const load = { inFlight: 0, queued: 0, loopLagMs: 0 };
    const who = { broker, runtime, service: "orders", instance: "i1" };
    new Announcer({ ...who, facts: () => facts, load: () => load }).check();
  };
  check(["place"]);
  const many = Array.from({ length: 1_025 }, (_, i) => `m${i}`);
  assert.throws(() => check(many), /cannot be announced: 1025 methods, at most 1024/);
  assert.throws(() => check(["place"], { zone: "z".repeat(300) }), /256 characters/);
  assert.throws(() => check(many.slice(1).map((name) => name.padEnd(100, "x"))), /bytes, at most 65536 are read/);
});

test("it says who it is at once, and every five seconds", async () => {
  const { server, runtime, heard, announcer } = announced();
  announcer.start();
  await server.settle();
  assert.deepEqual(heard, [
    {
      protocol: 1,
      version: "1.2.3",
      tags: { zone: "a" },
      methods: ["place"],
      idempotentMethods: [],
      maxInFlight: 9,
      load: { inFlight: 2, queued: 1, loopLagMs: 0 },
      phase: "serving",
      sentAtMs: runtime.clock.wallMs(),
      capabilities: ["frames"],
    },
  ]);
  mock.timers.tick(15_000);
  await server.settle();
  assert.equal(heard.length, 4);
  announcer.stop();
  mock.timers.tick(60_000);
  await server.settle();
  assert.equal(heard.length, 4);
});

test("a new phase is said at once and stays", async () => {
  const { server, heard, announcer } = announced();
  announcer.start();
  announcer.enter("draining");
  mock.timers.tick(5_000);
  await server.settle();
  assert.deepEqual(
    heard.map(({ phase }) => phase),
    ["serving", "draining", "draining"],
  );
});

test("many new routers are greeted once, within 200 ms", async () => {
  const { server, runtime, heard, announcer } = announced();
  announcer.start();
  for (let i = 0; i < 50; i++) announcer.greet();
  runtime.clock.advance(205);
  await server.settle();
  assert.equal(heard.length, 2);
  announcer.greet();
  runtime.clock.advance(205);
  await server.settle();
  assert.equal(heard.length, 3);
});

test("callers who greet are told once a second, however often they do; a router does not wait for that", async () => {
  const { server, runtime, heard, announcer } = announced();
  announcer.start();
  const after = async (ms: number): Promise<number> => {
    runtime.clock.advance(ms);
    await server.settle();
    return heard.length;
  };
  for (let i = 0; i < 50; i++) announcer.greetCaller();
  assert.equal(await after(900), 1);
  assert.equal(await after(105), 2);
  announcer.greetCaller();
  announcer.greet();
  assert.equal(await after(205), 3);
  // Who greets after it has been silent for long is told at once.
  await after(5_000);
  announcer.greetCaller();
  assert.equal(await after(10), 4);
});

test("after a stop nobody is greeted", async () => {
  const { server, runtime, heard, announcer } = announced();
  announcer.greet();
  announcer.start();
  announcer.greet();
  announcer.stop();
  announcer.greet();
  runtime.clock.advance(1_000);
  await server.settle();
  assert.equal(heard.length, 1);
  assert.equal(runtime.timers.pending, 0);
});

test("it is silent while the connection is down, and speaks when it is back", async () => {
  const { server, broker, heard, announcer } = announced();
  announcer.start();
  await server.settle();
  broker.disconnect();
  mock.timers.tick(20_000);
  announcer.enter("draining");
  await server.settle();
  assert.equal(heard.length, 1);
  broker.reconnect();
  await server.settle();
  assert.deepEqual(
    heard.map(({ phase }) => phase),
    ["serving", "draining"],
  );
});

test("a closed connection ends it", async () => {
  const { server, broker, heard, announcer } = announced();
  announcer.start();
  await server.settle();
  await broker.close();
  mock.timers.tick(20_000);
  await server.settle();
  assert.equal(heard.length, 1);
});
