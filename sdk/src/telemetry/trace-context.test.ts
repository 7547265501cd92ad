import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import {
  boundBaggage,
  boundTracestate,
  formatTraceparent,
  isTraceIdSampled,
  MAX_BAGGAGE_BYTES,
  MAX_BAGGAGE_MEMBERS,
  MAX_TRACESTATE_LENGTH,
  MAX_TRACESTATE_MEMBERS,
  parseTraceparent,
  TraceIdSource,
} from "./trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const ZERO = "0";

const hexId = (length: number) =>
  fc
    .array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
    .map((digits) => digits.join(""))
    .filter((id) => id !== ZERO.repeat(length));

test("what was formatted is read back the same", () => {
  fc.assert(
    fc.property(hexId(32), hexId(16), fc.boolean(), fc.boolean(), (traceId, spanId, sampled, random) => {
      const context = { traceId, spanId, sampled, random };
      assert.deepEqual(parseTraceparent(formatTraceparent(context)), context);
    }),
  );
});

test("a traceparent of version 00 that is taken comes out as it came, but for flags nobody knows", () => {
  fc.assert(
    fc.property(hexId(32), hexId(16), fc.integer({ min: 0, max: 255 }), (traceId, spanId, flags) => {
      const came = `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;
      const parsed = parseTraceparent(came);
      assert.ok(parsed);
      assert.equal(formatTraceparent(parsed), `00-${traceId}-${spanId}-0${flags & 3}`);
    }),
  );
});

const invalid = [
  { name: "empty", text: "" },
  { name: "upper case", text: `00-${TRACE.toUpperCase()}-${SPAN}-01` },
  { name: "all-zero trace id", text: `00-${ZERO.repeat(32)}-${SPAN}-01` },
  { name: "all-zero span id", text: `00-${TRACE}-${ZERO.repeat(16)}-01` },
  { name: "version ff", text: `ff-${TRACE}-${SPAN}-01` },
  { name: "version that is no hex", text: `0g-${TRACE}-${SPAN}-01` },
  { name: "version 00 with more", text: `00-${TRACE}-${SPAN}-01-what` },
  { name: "later version that runs on", text: `01-${TRACE}-${SPAN}-01what` },
  { name: "too short", text: `00-${TRACE}-${SPAN}-1` },
  { name: "flags that are no hex", text: `00-${TRACE}-${SPAN}-0x` },
  { name: "wrong separator", text: `00_${TRACE}-${SPAN}-01` },
  { name: "blank before", text: ` 00-${TRACE}-${SPAN}-01` },
];

for (const { name, text } of invalid) {
  test(`invalid traceparent: ${name}`, () => assert.equal(parseTraceparent(text), undefined));
}

test("a later version is read by its first four fields and written as version 00", () => {
  for (const text of [`cc-${TRACE}-${SPAN}-09`, `cc-${TRACE}-${SPAN}-09-what-else`]) {
    const parsed = parseTraceparent(text);
    assert.ok(parsed);
    assert.equal(formatTraceparent(parsed), `00-${TRACE}-${SPAN}-01`);
  }
});

test("no text makes the reader throw, and what it takes is valid", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ minLength: 55, maxLength: 55 })), fc.string(), (text, state) => {
      const parsed = parseTraceparent(text, state);
      if (parsed !== undefined) assert.match(formatTraceparent(parsed), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/);
    }),
  );
});

test("tracestate goes with its traceparent, and a malformed one goes alone", () => {
  const parent = `00-${TRACE}-${SPAN}-01`;
  assert.equal(parseTraceparent(parent, "a=1,b@c=2")?.tracestate, "a=1,b@c=2");
  assert.equal(parseTraceparent(parent, " a=1 ,, b=2\t")?.tracestate, "a=1,b=2");
  for (const state of [
    "",
    ",",
    "A=1",
    "a",
    "=1",
    "a=",
    "a=1,a=2",
    "a=b=c",
    "a=é",
    `${"k".repeat(257)}=1`,
    `a=${"v".repeat(257)}`,
  ]) {
    const parsed = parseTraceparent(parent, state);
    assert.ok(parsed, state);
    assert.equal("tracestate" in parsed, false, state);
  }
});

test("tracestate keeps its bounds: long members go first, then the last ones", () => {
  const many = Array.from({ length: MAX_TRACESTATE_MEMBERS }, (_, i) => `k${i}=v`);
  assert.equal(boundTracestate(many.join(",")), many.join(","));
  assert.equal(boundTracestate([...many, "one=more"].join(",")), undefined);
  const long = `long=${"v".repeat(200)}`;
  const short = Array.from({ length: 10 }, (_, i) => `k${i}=${"v".repeat(45)}`);
  assert.equal(boundTracestate([long, ...short].join(",")), short.join(","));
  const medium = Array.from({ length: 8 }, (_, i) => `k${i}=${"v".repeat(100)}`);
  assert.equal(boundTracestate(medium.join(",")), medium.slice(0, 4).join(","));
});

test("a header full of blanks costs what its length says: it comes from anybody", () => {
  const blanks = " \t".repeat(30_000);
  const before = process.cpuUsage();
  assert.equal(boundTracestate(`rojo=${blanks}1`), undefined);
  assert.equal(boundTracestate(`a=1,${blanks},b=2`), "a=1,b=2");
  assert.equal(boundBaggage(`a=${blanks}1`), undefined);
  assert.equal(boundBaggage(`a=1,${blanks},b=2${blanks}`), "a=1,b=2");
  // It took seconds, each of them.
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 1_000_000, `${user + system} µs of CPU`);
});

test("bounded tracestate is within bounds and bounding it again changes nothing", () => {
  const member = fc
    .tuple(fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/), fc.stringMatching(/^[!-+\--<>-~]{1,140}$/))
    .map(([key, value]) => `${key}=${value}`);
  fc.assert(
    fc.property(fc.array(member, { maxLength: 40 }), (members) => {
      const bounded = boundTracestate(members.join(","));
      if (bounded === undefined) return;
      assert.ok(bounded.length <= MAX_TRACESTATE_LENGTH);
      assert.equal(boundTracestate(bounded), bounded);
    }),
  );
});

test("baggage keeps whole leading members within its bounds", () => {
  assert.equal(boundBaggage("user=1;p=2, tenant=x%20y"), "user=1;p=2,tenant=x%20y");
  assert.equal(boundBaggage(" , ,nothing,=x"), undefined);
  const many = Array.from({ length: MAX_BAGGAGE_MEMBERS + 6 }, (_, i) => `k${i}=v`);
  assert.equal(boundBaggage(many.join(",")), many.slice(0, MAX_BAGGAGE_MEMBERS).join(","));
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 400, unit: "grapheme" }), { maxLength: 100 }), (values) => {
      const members = values.map((value, i) => `k${i}=${value.replace(/[, \t]/g, "_")}`);
      const bounded = boundBaggage(members.join(","));
      if (bounded === undefined) return assert.equal(members.length, 0);
      const kept = bounded.split(",");
      assert.ok(kept.length <= MAX_BAGGAGE_MEMBERS && Buffer.byteLength(bounded) <= MAX_BAGGAGE_BYTES);
      assert.deepEqual(kept, members.slice(0, kept.length));
      const next = members[kept.length];
      if (next !== undefined && kept.length < MAX_BAGGAGE_MEMBERS) {
        assert.ok(Buffer.byteLength(`${bounded},${next}`) > MAX_BAGGAGE_BYTES, "one more would have fitted");
      }
    }),
  );
});

/** A small generator with a seed (mulberry32), as a source of bytes. */
function seeded(seed: number): (pool: Uint8Array) => void {
  let state = seed;
  return (pool) => {
    for (let i = 0; i < pool.length; i++) {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      pool[i] = (t ^ (t >>> 14)) & 0xff;
    }
  };
}

test("ids have their lengths, differ, and are never all zero", () => {
  const ids = new TraceIdSource(seeded(1));
  const traces = Array.from({ length: 2000 }, () => ids.traceId());
  assert.equal(new Set(traces).size, traces.length);
  for (const id of traces) assert.match(id, /^[0-9a-f]{32}$/);
  assert.match(ids.spanId(), /^[0-9a-f]{16}$/);
  let fills = 0;
  const late = new TraceIdSource((pool) => pool.fill(fills++ === 0 ? 0 : 7));
  assert.equal(late.spanId(), "07".repeat(8));
});

test("the sampled share is the ratio, and the id decides alike everywhere", () => {
  const ids = new TraceIdSource(seeded(2));
  let sampled = 0;
  for (let i = 0; i < 20_000; i++) {
    if (!ids.nextIsSampled(0.1)) continue;
    sampled++;
    assert.equal(isTraceIdSampled(ids.traceId(), 0.1), true);
  }
  assert.ok(sampled > 1800 && sampled < 2200, `${sampled} of 20000`);
  assert.equal(ids.nextIsSampled(0), false);
  assert.equal(ids.nextIsSampled(1), true);
  assert.equal(isTraceIdSampled("f".repeat(8) + ZERO.repeat(24), 0.999), false);
  assert.equal(isTraceIdSampled("f".repeat(8) + ZERO.repeat(24), 1), true);
});
