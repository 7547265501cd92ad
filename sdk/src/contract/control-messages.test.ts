import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  decodeInstanceState,
  decodePolicyPush,
  decodeProbeAnswer,
  decodeRouterState,
  encodeInstanceState,
  encodePolicyPush,
  encodeProbeAnswer,
  encodeRouterState,
  formatLoad,
  type InstanceState,
  MAX_ANNOUNCEMENT_BYTES,
  parseLoad,
  type RouterState,
} from "./control-messages.ts";

/** What decoding yields are ordinary objects. */
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const uint = fc.nat({ max: 0xffffffff });
const load = plain({
  inFlight: uint,
  queued: uint,
  loopLagMs: fc.float({ min: 0, max: 60_000, noNaN: true }).map((value) => Math.fround(Math.abs(value))),
});
const text = fc.string({ unit: "grapheme", maxLength: 20 }).filter((word) => !/\p{Cc}/u.test(word));
const texts = fc.array(text, { maxLength: 8 });
const methods = fc.array(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,20}$/), { maxLength: 8 });
const instant = fc.integer({ min: 1, max: 4e12 });
const instanceState: fc.Arbitrary<InstanceState> = plain({
  protocol: uint,
  version: text,
  tags: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), text, { maxKeys: 5, noNullPrototype: true }),
  methods,
  idempotentMethods: methods,
  maxInFlight: uint,
  load,
  phase: fc.constantFrom("serving" as const, "draining" as const, "gone" as const),
  sentAtMs: instant,
  capabilities: texts,
});
const routerState: fc.Arbitrary<RouterState> = plain({
  protocol: uint,
  version: text,
  load,
  maxInFlight: uint,
  draining: fc.boolean(),
  policyRevision: fc.nat(),
  sentAtMs: instant,
  capabilities: texts,
});

describe("what was said is understood", () => {
  test("instances", () => {
    fc.assert(
      fc.property(instanceState, (state) => assert.deepEqual(decodeInstanceState(encodeInstanceState(state)), state)),
    );
  });
  test("routers", () => {
    fc.assert(
      fc.property(routerState, (state) => assert.deepEqual(decodeRouterState(encodeRouterState(state)), state)),
    );
  });
  test("probe answers", () => {
    fc.assert(
      fc.property(plain({ running: texts, done: texts, unseen: texts }), (answer) =>
        assert.deepEqual(decodeProbeAnswer(encodeProbeAnswer(answer)), answer),
      ),
    );
  });
  test("policy pushes", () => {
    const bytes = fc.uint8Array({ maxLength: 50 });
    fc.assert(
      fc.property(bytes, fc.array(bytes, { maxLength: 5 }), fc.boolean(), (head, documents, complete) => {
        const push = decodePolicyPush(encodePolicyPush({ head, documents, complete }));
        assert.deepEqual(Uint8Array.from(push?.head ?? []), head);
        assert.deepEqual(
          push?.documents.map((document) => Uint8Array.from(document)),
          documents,
        );
        assert.equal(push?.complete, complete);
      }),
    );
  });
});

describe("hostile bytes", () => {
  const decoders = { decodeInstanceState, decodeRouterState, decodePolicyPush, decodeProbeAnswer };
  for (const [name, decode] of Object.entries(decoders)) {
    test(`${name} never throws`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void decode(bytes)),
        { numRuns: 2_000 },
      );
    });
    test(`${name} reads nothing at all as all defaults`, () => assert.notEqual(decode(new Uint8Array(0)), undefined));
    test(`${name} survives groups nested without end`, () => {
      decode(new Uint8Array(MAX_ANNOUNCEMENT_BYTES).fill(0x7b));
      decode(new Uint8Array(MAX_ANNOUNCEMENT_BYTES).fill(0x3a));
    });
  }

  test("a truncated message is none, or what stood before the cut", () => {
    fc.assert(
      fc.property(instanceState, fc.nat({ max: 200 }), (state, cut) => {
        const bytes = encodeInstanceState(state);
        decodeInstanceState(bytes.subarray(0, Math.min(cut, bytes.length)));
      }),
    );
  });

  test("an announcement over the bound is not read", () => {
    const state = {
      protocol: 1,
      version: "1.0.0",
      tags: {},
      methods: ["x".repeat(MAX_ANNOUNCEMENT_BYTES)],
      idempotentMethods: [],
      maxInFlight: 1,
      load: { inFlight: 0, queued: 0, loopLagMs: 0 },
      phase: "serving",
      sentAtMs: 1,
      capabilities: [],
    } as const;
    assert.equal(decodeInstanceState(encodeInstanceState(state)), undefined);
  });

  test("a phase this code does not know is read as serving", () => {
    const bytes = Uint8Array.from([0x40, 0x63]);
    assert.equal(decodeInstanceState(bytes)?.phase, "serving");
  });

  test("numbers that are none count as nothing", () => {
    // loopLagMs NaN, sentAtMs -Infinity.
    const bytes = Uint8Array.from([0x3a, 0x05, 0x1d, 0x00, 0x00, 0xc0, 0x7f, 0x49, 0, 0, 0, 0, 0, 0, 0xf0, 0xff]);
    const state = decodeInstanceState(bytes);
    assert.equal(state?.load.loopLagMs, 0);
    assert.equal(state?.sentAtMs, 0);
  });

  test("a tag named like a part of every object changes no object", () => {
    const bytes = encodeInstanceState({
      protocol: 1,
      version: "",
      tags: JSON.parse('{"__proto__":"x","zone":"a"}'),
      methods: [],
      idempotentMethods: [],
      maxInFlight: 0,
      load: { inFlight: 0, queued: 0, loopLagMs: 0 },
      phase: "serving",
      sentAtMs: 0,
      capabilities: [],
    });
    const tags = decodeInstanceState(bytes)?.tags;
    assert.equal(tags?.zone, "a");
    assert.equal(({} as Record<string, unknown>).x, undefined);
    assert.equal(typeof tags?.toString, "function");
  });

  test("fields a newer part sends are skipped", () => {
    const bytes = Buffer.concat([
      encodeProbeAnswer({ running: ["a"], done: [], unseen: [] }),
      Uint8Array.from([0xa2, 0x06, 0x01, 0x78]),
    ]);
    assert.deepEqual(decodeProbeAnswer(bytes), { running: ["a"], done: [], unseen: [] });
  });
});

describe("Malla-Load", () => {
  test("round trip, lag in whole ms", () => {
    assert.equal(formatLoad({ inFlight: 3, queued: 1, loopLagMs: 2.6 }), "3,1,3");
    assert.deepEqual(parseLoad("3,1,3"), { inFlight: 3, queued: 1, loopLagMs: 3 });
  });
  for (const bad of ["", "1,2", "1,2,3,4", "a,b,c", "-1,0,0", "1.5,0,0", " 1,2,3", "12345678,0,0", "1,2,3\n"])
    test(`refuses ${JSON.stringify(bad)}`, () => assert.equal(parseLoad(bad), undefined));
});
