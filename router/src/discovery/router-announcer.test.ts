import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { decodeRouterState, type RouterState, subscriptions } from "@malla/sdk/contract";
import { createTestRuntime, MemoryServer } from "@malla/sdk/testing";
import { ActiveCalls } from "../active-calls.ts";
import { RouterAnnouncer } from "./router-announcer.ts";

beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
afterEach(() => mock.timers.reset());

function world() {
  const server = new MemoryServer();
  const broker = server.connect();
  const heard: RouterState[] = [];
  server.connect().subscribe(subscriptions.routers, ({ payload }) => {
    heard.push(decodeRouterState(payload) ?? assert.fail());
  });
  const announcer = new RouterAnnouncer({
    broker,
    runtime: createTestRuntime(),
    router: "router-a",
    version: "1.0.0",
    active: new ActiveCalls(),
    maxInFlight: 100,
    policyRevision: () => 7,
  });
  return { server, broker, announcer, heard };
}

test("it is there before it may be picked, and is not picked any more when it drains", async () => {
  const { server, announcer, heard } = world();
  announcer.start();
  announcer.open();
  announcer.drain();
  await server.settle();
  announcer.stop();
  assert.deepEqual(
    heard.map(({ draining, policyRevision }) => [draining, policyRevision]),
    [
      [true, 7],
      [false, 7],
      [true, 7],
    ],
  );
});

test("it says so every second, and when its connection is back", async () => {
  const { server, broker, announcer, heard } = world();
  announcer.start();
  mock.timers.tick(3_000);
  await server.settle();
  assert.equal(heard.length, 4);
  broker.disconnect();
  mock.timers.tick(1_000);
  broker.reconnect();
  await server.settle();
  announcer.stop();
  assert.equal(heard.length, 5);
});
