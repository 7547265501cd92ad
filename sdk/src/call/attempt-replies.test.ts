import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeHeaderBlock, encodeProbeAnswer, header, headerValue, parseHeaderBlock } from "../contract/index.ts";
import { type Instance, Registry } from "../discovery/registry.ts";
import { exchangeOf, instanceState } from "../testing/exchange-fixture.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { AttemptReplies } from "./attempt-replies.ts";
import { type Attempt, createAttemptTable } from "./dispatch/attempt.ts";
import { SILENT_AFTER_MS } from "./probe-table.ts";
import { PROBE_TICK_MS } from "./waiting-table.ts";

const EMPTY = new Uint8Array(0);
/** When what was sent is asked for, and that has been silent for long enough, and again for a second question. */
const NOTICED_MS = 375 + SILENT_AFTER_MS + PROBE_TICK_MS;

/** A router and instances of `orders`, who answer probes as long as their names are in `awake`. */
function world(...names: readonly string[]) {
  const runtime = createTestRuntime();
  const server = new MemoryServer();
  const [broker, instances] = [server.connect(), server.connect()];
  const registry = new Registry();
  const attempts = createAttemptTable();
  const awake = new Set<string>();
  const replies = new AttemptReplies({
    broker,
    runtime,
    registry,
    attempts,
    subjects: {
      attempt: ({ instance }) => `run.${instance.id}`,
      probe: ({ id }) => `probe.${id}`,
      reply: (service, id) => `reply.${service}.${id}`,
    },
  });
  broker.subscribe("reply.*.*", (message) => {
    const [, service, id] = message.subject.split(".") as [string, string, string];
    replies.take(service, id, message);
  });
  for (const name of names) {
    registry.announce("sdk", "orders", name, instanceState(), runtime.clock.nowMs());
    instances.subscribe(`run.${name}`, () => undefined);
    instances.subscribe(`probe.${name}`, ({ headers, reply }) => {
      const block = parseHeaderBlock(headers);
      if (!awake.has(name) || typeof block === "string") return;
      const running = (headerValue(block, header.probe) ?? "").split(",").filter((id) => id !== "");
      instances.publish(reply, encodeProbeAnswer({ running, done: [], unseen: [] }));
    });
  }
  const failed: string[] = [];
  const get = (name: string): Instance => registry.instance("orders", name) ?? assert.fail();
  const send = (name: string, id: string): void => {
    const instance = get(name);
    attempts.add({
      id,
      number: 1,
      exchange: exchangeOf(runtime.clock.nowMs(), {}),
      instance,
      peer: instance,
      repeatable: true,
      sentAtMs: runtime.clock.nowMs(),
      span: undefined,
      owner: {
        attemptReplied: () => undefined,
        attemptFailed: (attempt: Attempt, error) => void failed.push(`${attempt.id} ${error.reason}`),
      },
      perTryTimer: undefined,
      probedAtMs: 0,
      goneSinceMs: 0,
    });
    broker.publish(`run.${name}`, EMPTY, `reply.orders.${id}`, EMPTY);
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += PROBE_TICK_MS) {
      runtime.clock.advance(PROBE_TICK_MS);
      replies.tick();
      await server.settle();
    }
  };
  const answer = (id: string): void =>
    instances.publish(`reply.orders.${id}`, EMPTY, undefined, encodeHeaderBlock([header.load, "0,0,0"]));
  return { server, awake, failed, get, send, pass, answer, attempts };
}

test("what waits at a silent instance goes elsewhere where somebody else has been heard since", async () => {
  const w = world("a", "b");
  w.awake.add("b");
  w.send("a", "waits");
  for (let n = 0; n < 12; n++) {
    w.send("b", `b${n}`);
    await w.server.settle();
    w.answer(`b${n}`);
    await w.pass(PROBE_TICK_MS);
  }
  assert.deepEqual(w.failed, ["waits gone"]);
});

test("and where nobody had anything to say, after the others were asked", async () => {
  const w = world("a", "b");
  w.awake.add("b");
  w.send("a", "waits");
  await w.pass(NOTICED_MS + SILENT_AFTER_MS);
  assert.deepEqual(w.failed, ["waits gone"]);
});

test("where all are silent it stays, whoever it waits for, until one of the others is heard", async () => {
  const w = world("a", "b", "c", "d", "e");
  for (const name of ["a", "b", "c"]) w.send(name, `at ${name}`);
  await w.pass(10_000);
  assert.deepEqual(w.failed, []);
  w.awake.add("c");
  await w.pass(2_000);
  assert.deepEqual(w.failed.toSorted(), ["at a gone", "at b gone"]);
  assert.notEqual(w.attempts.get("at c"), undefined, "it says that it runs");
  assert.ok(!w.get("c").silent);
});
