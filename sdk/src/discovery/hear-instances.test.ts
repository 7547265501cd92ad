import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { encodeInstanceState, subscriptions } from "../contract/index.ts";
import { createTestRuntime, instanceState, MemoryServer, RecordedTelemetry } from "../testing/index.ts";
import { MAX_ANNOUNCEMENTS_PER_SECOND } from "./announcement-gate.ts";
import { hearInstances } from "./hear-instances.ts";
import { MAX_SERVICES, Registry } from "./registry.ts";

function world() {
  const server = new MemoryServer();
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  const registry = new Registry();
  hearInstances(server.connect(), runtime, registry, [subscriptions.instances]);
  const sender = server.connect();
  return {
    telemetry,
    registry,
    runtime,
    say: async (subject: string, payload: Uint8Array = encodeInstanceState(instanceState()), times = 1) => {
      for (let i = 0; i < times; i++) sender.publish(subject, payload);
      await server.settle();
    },
    dropped: () => telemetry.rejections.map(({ stage, reason }) => `${stage} ${reason}`),
  };
}

test("what is announced is known", async () => {
  const w = world();
  await w.say("mesh.instance.orders.i1");
  assert.equal(w.registry.instance("orders", "i1")?.version, "1.0.0");
  assert.deepEqual(w.dropped(), []);
});

test("what cannot be read is dropped and counted", async () => {
  const w = world();
  await w.say("mesh.instance.orders.i1", Buffer.from("no announcement"));
  await w.say("mesh.instance.Orders.i1");
  assert.deepEqual(w.dropped(), ["announcement bad-request", "announcement bad-request"]);
});

test("a flood is cut off by the second and counted, while others are heard", async () => {
  const w = world();
  await w.say("mesh.instance.evil.i1", undefined, MAX_ANNOUNCEMENTS_PER_SECOND + 3);
  await w.say("mesh.instance.orders.i1");
  assert.deepEqual(w.dropped(), new Array(3).fill("announcement rate-limited"));
  assert.notEqual(w.registry.instance("orders", "i1"), undefined);
  w.runtime.clock.advance(1_000);
  await w.say("mesh.instance.evil.i2");
  assert.notEqual(w.registry.instance("evil", "i2"), undefined);
});

test("what meets a bound of the registry is dropped and counted", async () => {
  const w = world();
  for (let i = 0; i < MAX_SERVICES; i++) w.registry.announce("sdk", `s${i}`, "a", instanceState(), 0);
  await w.say("mesh.instance.one-more.i1");
  assert.deepEqual(w.dropped(), ["announcement overloaded"]);
});
