import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeInstanceState, encodeInstanceState, type InstanceState } from "../contract/index.ts";
import { instanceState } from "../testing/exchange-fixture.ts";
import { type Instance, Registry } from "./registry.ts";

const T0 = 50_000;

const word = fc.stringMatching(/^[a-z]{1,8}$/);
const stateArbitrary: fc.Arbitrary<InstanceState> = fc.record({
  protocol: fc.constantFrom(0, 1, 300),
  version: fc.constantFrom("", "1.0.0", "2.0.0"),
  tags: fc.dictionary(word, fc.constantFrom("", "x", "y"), { maxKeys: 2, noNullPrototype: true }),
  methods: fc.uniqueArray(word, { maxLength: 3 }),
  idempotentMethods: fc.uniqueArray(word, { maxLength: 2 }),
  maxInFlight: fc.constantFrom(0, 5, 4_000_000_000),
  load: fc.record({
    inFlight: fc.constantFrom(0, 7, 300, 4_294_967_295),
    queued: fc.constantFrom(0, 1, 128),
    loopLagMs: fc.constantFrom(0, 0.5, 12),
  }),
  phase: fc.constantFrom("serving", "serving", "draining", "gone"),
  sentAtMs: fc.constantFrom(0, 1_900_000_000_000.5),
  capabilities: fc.uniqueArray(word, { maxLength: 2 }),
});

function told(instance: Instance | undefined): unknown {
  if (instance === undefined) return undefined;
  const { version, tags, methods, idempotentMethods, maxInFlight, phase, load } = instance;
  return [version, tags, [...methods], [...idempotentMethods], maxInFlight, phase, load.capacity, load.score(T0)];
}

test("what is heard as bytes is what is announced as their meaning", () => {
  const heard = fc.record({ id: fc.constantFrom("a", "b"), state: stateArbitrary });
  fc.assert(
    fc.property(fc.array(heard, { minLength: 1, maxLength: 12 }), (list) => {
      const byBytes = new Registry();
      const byMeaning = new Registry();
      for (const { id, state } of list) {
        const bytes = encodeInstanceState(state);
        assert.equal(byBytes.hear("orders", id, bytes, T0), "taken");
        byMeaning.announce("sdk", "orders", id, decodeInstanceState(bytes) ?? assert.fail(), T0);
        for (const each of ["a", "b"])
          assert.deepEqual(told(byBytes.instance("orders", each)), told(byMeaning.instance("orders", each)));
        const [one, other] = [byBytes.service("orders"), byMeaning.service("orders")];
        assert.deepEqual(
          one?.serving.map(({ id: serving }) => serving),
          other?.serving.map(({ id: serving }) => serving),
        );
        assert.equal(one?.announcedLength, other?.announcedLength);
      }
    }),
    { numRuns: 300 },
  );
});

test("bytes of any kind are heard as they are decoded", () => {
  const base = encodeInstanceState(instanceState({ methods: ["place"], tags: { zone: "a" } }));
  const broken = fc.tuple(fc.nat(base.length - 1), fc.nat(255)).map(([at, byte]) => {
    const bytes = Uint8Array.from(base);
    bytes[at] = byte;
    return bytes;
  });
  const more = fc.uint8Array({ maxLength: 12 }).map((tail) => Uint8Array.from([...base, ...tail]));
  fc.assert(
    fc.property(fc.oneof(broken, more, fc.uint8Array({ maxLength: 80 })), (bytes) => {
      const registry = new Registry();
      registry.hear("orders", "a", base, T0);
      const state = decodeInstanceState(bytes);
      const heard = registry.hear("orders", "a", bytes, T0);
      assert.equal(heard, state === undefined ? "unreadable" : "taken");
      if (state === undefined) return;
      const plain = new Registry();
      plain.announce("sdk", "orders", "a", state, T0);
      assert.deepEqual(told(registry.instance("orders", "a")), told(plain.instance("orders", "a")));
    }),
    { numRuns: 2_000 },
  );
});

test("what was said before is not read again, by whoever says it; what is said is shared", () => {
  const registry = new Registry();
  const say = (id: string, sentAtMs: number, more: Partial<InstanceState> = {}): Instance => {
    const load = { inFlight: sentAtMs % 7, queued: 0, loopLagMs: 0 };
    const bytes = encodeInstanceState(instanceState({ methods: ["get", "put"], load, sentAtMs, ...more }));
    assert.equal(registry.hear("orders", id, bytes, T0 + sentAtMs), "taken");
    return registry.instance("orders", id) ?? assert.fail();
  };
  const first = say("a", 1).announced;
  const epoch = registry.service("orders")?.epoch;
  const again = say("a", 2);
  assert.equal(again.announced, first);
  assert.deepEqual([again.seenAtMs, again.load.outstanding(T0 + 2)], [T0 + 2, 2]);
  assert.equal(registry.service("orders")?.epoch, epoch);
  assert.equal(say("b", 3).announced, first);
  const other = say("c", 4, { tags: { zone: "x" } });
  assert.notEqual(other.announced, first);
  assert.equal(other.methods, first.methods);
  assert.notEqual(say("a", 5, { methods: ["get"] }).announced, first);
});

test("an instance that nacked as one that drains is back by saying what it said before", () => {
  const registry = new Registry();
  const bytes = encodeInstanceState(instanceState());
  registry.hear("orders", "a", bytes, T0);
  registry.draining(registry.instance("orders", "a") ?? assert.fail());
  assert.equal(registry.service("orders")?.serving.length, 0);
  registry.hear("orders", "a", bytes, T0);
  assert.equal(registry.service("orders")?.serving.length, 1);
});

test("those who wait hear of what may help them, and of nothing else", () => {
  let helped = 0;
  const registry = new Registry({ onServing: () => helped++ });
  const say = (id: string, more: Partial<InstanceState> = {}): void =>
    void registry.hear("orders", id, encodeInstanceState(instanceState(more)), T0);
  const get = (id: string): Instance => registry.instance("orders", id) ?? assert.fail();
  const steps: readonly [string, () => void, number][] = [
    ["a new one", () => say("a"), 1],
    ["a new one that drains", () => say("b", { phase: "draining" }), 0],
    ["the same again", () => say("a"), 0],
    ["load alone", () => say("a", { load: { inFlight: 3, queued: 0, loopLagMs: 0 } }), 0],
    ["it serves again", () => say("b"), 1],
    ["other tags", () => say("b", { tags: { zone: "x" } }), 1],
    ["other methods", () => say("b", { tags: { zone: "x" }, methods: ["other"] }), 0],
    ["more room", () => say("a", { maxInFlight: 1_000_000 }), 1],
    ["suspect", () => registry.suspect(get("a"), T0), 0],
    ["trusted again", () => registry.trust(get("a"), T0), 1],
    ["one that drains", () => registry.draining(get("a")), 0],
    ["it drains by its own word", () => say("a", { phase: "draining" }), 0],
    ["one that goes", () => registry.forget("orders", "a"), 0],
    ["silent, and the only one", () => registry.silent(get("b"), T0), 1],
    ["its time is over", () => registry.sweep(T0 + 5_000), 1],
    ["too long not heard of", () => registry.sweep(T0 + 500_000), 0],
  ];
  for (const [what, step, times] of steps) {
    helped = 0;
    step();
    assert.equal(helped, times, what);
  }
});
