import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeInstanceState, MAX_ANNOUNCED_METHODS } from "../contract/index.ts";
import { instanceState } from "../testing/exchange-fixture.ts";
import {
  ANNOUNCE_INTERVAL_MS,
  EVICT_AFTER_MS,
  type Instance,
  MAX_ANNOUNCED_LENGTH_PER_SERVICE,
  MAX_INSTANCES_PER_SERVICE,
  MAX_SERVICES,
  Registry,
  SUSPECT_MS,
} from "./registry.ts";

const T0 = 50_000;
const WALL = 1_790_000_000_000;

function known(): {
  registry: Registry;
  changes: string[];
  announce: (id: string, more?: Parameters<typeof instanceState>[0], nowMs?: number) => boolean;
  get: (id: string) => Instance;
  serving: () => string[];
} {
  const changes: string[] = [];
  const registry = new Registry({ onChange: (entry) => changes.push(entry.name) });
  return {
    registry,
    changes,
    announce: (id, more = {}, nowMs = T0) => registry.announce("sdk", "orders", id, instanceState(more), nowMs),
    get: (id) => registry.instance("orders", id) ?? assert.fail(`no ${id}`),
    serving: () => (registry.service("orders")?.serving ?? []).map(({ id }) => id),
  };
}

test("an announcement makes an instance, and tells of it", () => {
  const { registry, changes, announce, get, serving } = known();
  assert.equal(registry.service("orders"), undefined);
  assert.ok(
    announce("a", { version: "1.2.3", tags: { zone: "x" }, methods: ["m"], idempotentMethods: ["m"], maxInFlight: 7 }),
  );
  const { version, tags, methods, idempotentMethods, maxInFlight, seenAtMs } = get("a");
  assert.deepEqual(
    [version, tags, [...methods], [...idempotentMethods], maxInFlight, seenAtMs],
    ["1.2.3", { zone: "x" }, ["m"], ["m"], 7, T0],
  );
  assert.deepEqual([serving(), changes], [["a"], ["orders"]]);
});

test("an announcement that says nothing new changes no set, one that does does", () => {
  const { registry, changes, announce } = known();
  announce("a");
  const epoch = registry.service("orders")?.epoch;
  announce("a", { load: { inFlight: 3, queued: 0, loopLagMs: 1 } });
  assert.equal(registry.service("orders")?.epoch, epoch);
  for (const more of [
    { version: "2.0.0" },
    { version: "2.0.0", tags: { zone: "y" } },
    { version: "2.0.0", tags: { zone: "y" }, phase: "draining" as const },
  ])
    announce("a", more);
  assert.equal(changes.length, 4);
  announce("a", { version: "2.0.0", tags: { zone: "y" }, phase: "draining", methods: ["other"] });
  assert.deepEqual([...(registry.instance("orders", "a")?.methods ?? [])], ["other"]);
});

test("draining takes nothing new and comes back by its own word; gone is erased", () => {
  const { registry, announce, serving } = known();
  announce("a");
  announce("b");
  announce("a", { phase: "draining" });
  assert.deepEqual(serving(), ["b"]);
  announce("a");
  assert.deepEqual(serving(), ["a", "b"]);
  announce("b", { phase: "gone" });
  assert.equal(registry.instance("orders", "b"), undefined);
  announce("never", { phase: "gone" });
  assert.deepEqual(serving(), ["a"]);
  registry.announce("sdk", "unheard-of", "x", instanceState({ phase: "gone" }), T0);
  assert.equal(registry.service("unheard-of"), undefined, "a goodbye makes no service");
});

describe("a suspect", () => {
  test("gets no calls, is not erased, and is forgiven after a while", () => {
    const { registry, announce, get, serving } = known();
    announce("a");
    registry.suspect(get("a"), T0);
    assert.deepEqual(serving(), []);
    registry.sweep(T0 + SUSPECT_MS - 1);
    assert.deepEqual(serving(), []);
    registry.sweep(T0 + SUSPECT_MS);
    assert.deepEqual(serving(), ["a"]);
  });
  test("is cleared at once by its own announcement", () => {
    const { registry, announce, get, serving } = known();
    announce("a");
    registry.suspect(get("a"), T0);
    announce("a", {}, T0 + 10);
    assert.deepEqual(serving(), ["a"]);
  });
  test("is cleared at once by an answer of its own", () => {
    const { registry, announce, get, serving } = known();
    announce("a");
    registry.trust(get("a"), T0);
    registry.suspect(get("a"), T0);
    assert.equal(registry.service("orders")?.suspects, 1);
    registry.trust(get("a"), T0);
    assert.deepEqual([serving(), registry.service("orders")?.suspects], [["a"], 0]);
  });
  test("is to be probed soon, then ever more rarely, until it is none any more", () => {
    const { registry, announce, get } = known();
    announce("a");
    const due = (atMs: number): number => [...registry.dueSuspects(T0 + atMs)].length;
    registry.suspect(get("a"), T0);
    const probedAt = Array.from({ length: 8_000 }, (_, ms) => ms).filter((ms) => due(ms) > 0);
    assert.deepEqual(probedAt.slice(0, 5), [100, 200, 300, 400, 500]);
    assert.ok(probedAt.length > 12 && probedAt.length < 25, `${probedAt.length} probes in eight seconds`);
    registry.trust(get("a"), T0);
    assert.equal(due(20_000), 0);
    registry.suspect(get("a"), T0);
    registry.forget("orders", "a");
    assert.equal(due(20_000), 0);
  });
  test("that is only silent gets calls where nobody else is left, one that nobody hears gets none", () => {
    const { registry, announce, get, serving } = known();
    announce("a");
    announce("b");
    registry.silent(get("a"), T0);
    assert.deepEqual(serving(), ["b"]);
    assert.ok(!registry.hasOthersHeard(get("b"), T0));
    registry.suspect(get("b"), T0);
    assert.deepEqual(serving(), ["a"]);
    registry.suspect(get("a"), T0);
    assert.deepEqual(serving(), []);
    registry.silent(get("b"), T0);
    assert.deepEqual(serving(), ["b"]);
  });
  test("that is silent leaves its calls to others that have been heard since, or who cannot be asked", () => {
    const { registry, announce, get } = known();
    for (const id of ["a", "b", "c", "d", "e"]) announce(id);
    const others = (id: string): string[] => [...registry.someOthers(get(id))].map((other) => other.id);
    assert.deepEqual(others("b"), ["a", "c", "d"]);
    assert.ok(registry.hasOthersHeard(get("a"), T0));
    assert.ok(!registry.hasOthersHeard(get("a"), T0 + 1));
    registry.trust(get("b"), T0 + 5);
    assert.deepEqual(
      [T0 + 5, T0 + 6].map((sinceMs) => registry.hasOthersHeard(get("a"), sinceMs)),
      [true, false],
    );
    assert.ok(!registry.hasOthersHeard(get("b"), T0 + 5));
    announce("c", {}, T0 + 7);
    assert.ok(registry.hasOthersHeard(get("b"), T0 + 7));
    registry.announce("plain", "orders", "queue", instanceState(), T0);
    assert.ok(registry.hasOthersHeard(get("a"), T0 + 1_000));
    for (const id of ["c", "d", "e"]) registry.silent(get(id), T0 + 8);
    assert.deepEqual([others("a"), others("b")], [["b"], ["a"]]);
  });
  test("again is suspect for longer, and tells of it once", () => {
    const { registry, changes, announce, get, serving } = known();
    announce("a");
    registry.suspect(get("a"), T0);
    registry.suspect(get("a"), T0 + 1_000);
    assert.equal(changes.length, 2);
    registry.sweep(T0 + SUSPECT_MS);
    assert.deepEqual(serving(), []);
    registry.sweep(T0 + 1_000 + SUSPECT_MS);
    assert.deepEqual(serving(), ["a"]);
  });
  test("that was forgotten meanwhile comes not back to life", () => {
    const { registry, announce, get, serving } = known();
    announce("a");
    const old = get("a");
    announce("a", { phase: "gone" });
    registry.suspect(old, T0);
    registry.draining(old);
    assert.deepEqual(serving(), []);
  });
});

describe("ageing", () => {
  test("three announcements missed, not two, and the service stays known", () => {
    const { registry, announce, serving } = known();
    announce("a");
    registry.sweep(T0 + 3 * ANNOUNCE_INTERVAL_MS);
    assert.deepEqual(serving(), ["a"]);
    registry.sweep(T0 + EVICT_AFTER_MS);
    assert.deepEqual(serving(), ["a"]);
    registry.sweep(T0 + EVICT_AFTER_MS + 1);
    assert.deepEqual(serving(), []);
    assert.notEqual(registry.service("orders"), undefined);
  });
  test("after deafness everybody counts as seen now", () => {
    const { registry, announce, serving } = known();
    announce("a");
    registry.thaw(T0 + 60_000);
    registry.sweep(T0 + 60_000 + EVICT_AFTER_MS);
    assert.deepEqual(serving(), ["a"]);
  });
});

describe("a flood", () => {
  test("of instances ends, while the known are still heard", () => {
    const registry = new Registry();
    registry.announce("sdk", "orders", "i0", instanceState(), T0);
    const { instances } = registry.service("orders") ?? assert.fail();
    const template = instances.get("i0") ?? assert.fail();
    for (let i = 1; i < MAX_INSTANCES_PER_SERVICE; i++) instances.set(`i${i}`, template);
    assert.equal(registry.announce("sdk", "orders", "one-more", instanceState(), T0), false);
    assert.equal(registry.announce("sdk", "orders", "i0", instanceState({ version: "9.0.0" }), T0), true);
    assert.equal(instances.size, MAX_INSTANCES_PER_SERVICE);
    assert.equal(template.version, "9.0.0");
  });
  test("of words ends: what one service says of itself is bounded, and another is still heard", () => {
    const registry = new Registry();
    const methods = Array.from({ length: MAX_ANNOUNCED_METHODS }, (_, i) => `m${i}`.padEnd(250, "x"));
    const talkative = (id: string): boolean => registry.announce("sdk", "orders", id, instanceState({ methods }), T0);
    const fits = Math.floor(MAX_ANNOUNCED_LENGTH_PER_SERVICE / (methods.length * 250 + "1.0.0".length));
    for (let i = 0; i < fits; i++) assert.ok(talkative(`i${i}`), `${i} of ${fits}`);
    assert.equal(talkative("one-more"), false);
    assert.equal(registry.instance("orders", "one-more"), undefined);
    assert.ok(registry.announce("sdk", "cart", "a", instanceState({ methods }), T0));
    // Who says less than before is heard, who goes makes room, and who is silent for long does too.
    assert.ok(talkative("i0"));
    registry.forget("orders", "i1");
    assert.ok(talkative("one-more"));
    assert.equal(talkative("two-more"), false);
    assert.ok(registry.announce("sdk", "orders", "i0", instanceState(), T0));
    assert.ok(talkative("two-more"));
    registry.sweep(T0 + EVICT_AFTER_MS + 1);
    for (let i = 0; i < fits; i++) assert.ok(talkative(`j${i}`), `${i} of ${fits}`);
    assert.equal(talkative("one-more"), false);
  });
  test("of services ends", () => {
    const registry = new Registry();
    for (let i = 0; i < MAX_SERVICES; i++) registry.announce("sdk", `s${i}`, "a", instanceState(), T0);
    assert.equal(registry.announce("sdk", "one-more", "a", instanceState(), T0), false);
    assert.equal(registry.service("one-more"), undefined);
    assert.equal(registry.announce("sdk", "s0", "b", instanceState(), T0), true);
  });
});

test("where requests are stamped by an instance's clock it is estimated, from announcements new and repeated", () => {
  const registry = new Registry({ stampMs: () => WALL });
  const offsets: (number | undefined)[] = [];
  for (const sentAtMs of [WALL + 1_000, WALL + 2_000, WALL + 1_500]) {
    registry.hear("orders", "a", encodeInstanceState(instanceState({ sentAtMs })), T0);
    offsets.push(registry.instance("orders", "a")?.clockOffset?.ms);
  }
  // The earliest to arrive is believed, a late one slowly.
  assert.deepEqual(offsets, [1_000, 2_000, 1_999]);
  registry.hear("orders", "b", encodeInstanceState(instanceState({ sentAtMs: WALL - 500 })), T0);
  assert.equal(registry.instance("orders", "b")?.clockOffset?.ms, -500);
  registry.announce("sdk", "orders", "c", instanceState(), T0);
  assert.equal(registry.instance("orders", "c")?.clockOffset, undefined);
});

test("who announces other capabilities than are wanted is not kept, or no longer", () => {
  const registry = new Registry({ wanted: (capabilities) => capabilities.includes("direct") });
  const hear = (capabilities: string[]): void =>
    void registry.hear("orders", "a", encodeInstanceState(instanceState({ capabilities })), T0);
  hear([]);
  assert.equal(registry.instance("orders", "a"), undefined);
  hear(["direct"]);
  assert.notEqual(registry.instance("orders", "a"), undefined);
  hear([]);
  assert.equal(registry.instance("orders", "a"), undefined);
});
