import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { afterEach, beforeEach, mock, test } from "node:test";
import { encodeInstanceState, encodeRouterState, type InstanceState } from "@malla/sdk/contract";
import { MAX_ANNOUNCEMENTS_PER_SECOND, MAX_ROUTERS } from "@malla/sdk/discovery";
import { instanceState, MemoryServer } from "@malla/sdk/testing";
import { COMPARE_MS, MAX_TOLD_CHANGES, Presence, readPlainService } from "./presence.ts";

beforeEach(() => mock.timers.enable({ apis: ["setInterval", "setTimeout"] }));
afterEach(() => mock.timers.reset());

function world() {
  const server = new MemoryServer();
  const events: string[] = [];
  const presence = new Presence({ broker: server.connect(), onEvent: (line) => events.push(line) });
  const sender = server.connect();
  return {
    presence,
    events,
    announce: (service: string, id: string, more: Partial<InstanceState> = {}): void =>
      sender.publish(`mesh.instance.${service}.${id}`, encodeInstanceState(instanceState(more))),
    router: (id: string): void => {
      const load = { inFlight: 0, queued: 0, loopLagMs: 0 };
      const rest = { protocol: 1, version: "1", load, maxInFlight: 1, draining: false, policyRevision: 0, sentAtMs: 0 };
      sender.publish(`mesh.router.${id}`, encodeRouterState({ ...rest, capabilities: [] }));
    },
    pass: async () => {
      await server.settle();
      mock.timers.tick(COMPARE_MS);
    },
  };
}

test("who comes, drains and goes is told", async () => {
  const w = world();
  w.announce("orders", "a");
  await w.pass();
  w.announce("orders", "a", { phase: "draining" });
  await w.pass();
  w.announce("orders", "a", { phase: "gone" });
  await w.pass();
  assert.deepEqual(w.events, [
    "instance orders/a 1.0.0 joined",
    "instance orders/a drains",
    "instance orders/a is gone",
  ]);
  w.presence.close();
});

test("many at once are told as a number", async () => {
  const w = world();
  for (let i = 0; i < MAX_TOLD_CHANGES + 7; i++) w.announce("orders", `i${i}`);
  await w.pass();
  assert.equal(w.events.length, MAX_TOLD_CHANGES + 1);
  assert.equal(w.events.at(-1), "7 more instances joined, drain or are gone");
  w.presence.close();
});

test("a flood of one service is read so far and no further, and another is heard", async (t) => {
  // All within one second, however long it takes.
  t.mock.method(performance, "now", () => 50_000);
  const w = world();
  for (let i = 0; i < MAX_ANNOUNCEMENTS_PER_SECOND + 500; i++) w.announce("evil", `i${i}`);
  w.announce("orders", "a");
  await w.pass();
  assert.equal(w.presence.registry.service("evil")?.instances.size, MAX_ANNOUNCEMENTS_PER_SECOND);
  assert.notEqual(w.presence.registry.instance("orders", "a"), undefined);
  w.presence.close();
});

test("routers are counted up to a bound", async () => {
  const w = world();
  for (let i = 0; i < MAX_ROUTERS + 5; i++) w.router(`router-${i}`);
  await w.pass();
  assert.deepEqual([w.presence.routerCount, w.events.length], [MAX_ROUTERS, MAX_ROUTERS]);
  w.presence.close();
});

test("a plain service is read if its name can be one and it does not say too much", () => {
  const read = (name: string, id: string, methods: number): unknown => {
    const endpoints = Array.from({ length: methods }, (_, i) => ({
      name: `m${i}`,
      subject: `mesh.serve.${name}.m${i}`,
    }));
    return readPlainService(Buffer.from(JSON.stringify({ name, id, version: "1.0.0", endpoints })))?.service;
  };
  assert.deepEqual(
    [read("legacy", "x", 1), read("Legacy!", "x", 1), read("legacy", "x".repeat(300), 1), read("legacy", "x", 2_000)],
    ["legacy", undefined, undefined, undefined],
  );
});
