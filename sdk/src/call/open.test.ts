import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DEFAULT_TIMEOUT_MS, encodeHeaderBlock, MAX_TIMEOUT_MS, MeshError } from "../contract/index.ts";
import { deadlineAtMs, readRequestHeaders } from "./open.ts";

const read = (...fields: string[]): ReturnType<typeof readRequestHeaders> =>
  readRequestHeaders(encodeHeaderBlock(fields));
const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

function refused(bytes: Uint8Array): MeshError {
  try {
    readRequestHeaders(bytes);
  } catch (error) {
    assert.ok(error instanceof MeshError);
    assert.deepEqual([error.status, error.reason, error.origin], ["INTERNAL", "bad-request", "router"]);
    return error;
  }
  return assert.fail("was not refused");
}

test("no headers at all: every default", () => {
  const facts = readRequestHeaders(new Uint8Array(0));
  assert.deepEqual(
    [facts.timeoutMs, facts.priority, facts.key, facts.idempotencyKey, facts.parent, facts.forwarded],
    [undefined, "default", undefined, undefined, undefined, []],
  );
});

test("reserved headers are read in any case and not forwarded", () => {
  const facts = read(
    "MALLA-TIMEOUT",
    "250",
    "malla-priority",
    "critical",
    "Malla-KEY",
    "cart-7",
    "malla-Idempotency-key",
    "k1",
    "TraceParent",
    TRACE,
    "TRACESTATE",
    "a=b",
  );
  assert.deepEqual(
    [facts.timeoutMs, facts.priority, facts.key, facts.idempotencyKey, facts.forwarded],
    [250, "critical", "cart-7", "k1", []],
  );
  assert.deepEqual(
    [facts.parent?.traceId, facts.parent?.sampled, facts.parent?.tracestate],
    ["4bf92f3577b34da6a3ce929d0e0e4736", true, "a=b"],
  );
});

test("what the mesh or the broker gives a meaning to, or proves a user, never reaches the callee", () => {
  const facts = read(
    ...["Malla-Caller", "root", "malla-caller2", "x", "Malla-Claims", "{}", "Malla-Sent", "1", "Malla-Attempt", "3"],
    ...[
      "Nats-Msg-Id",
      "7",
      "NATS-EXPECTED-STREAM",
      "S",
      "Authorization",
      "Bearer secret",
      "X-Mine",
      "1",
      "x-MINE",
      "2",
    ],
  );
  assert.deepEqual(facts.forwarded, ["X-Mine", "1", "x-MINE", "2"]);
});

test("the instant a request was sent is read, and nonsense in its place refused", () => {
  assert.equal(read("malla-sent", "1893456000000").sentAtMs, 1_893_456_000_000);
  assert.equal(read().sentAtMs, undefined);
  for (const value of ["", "-1", "1e3", "yesterday", "1".repeat(16)])
    assert.throws(() => read("Malla-Sent", value), /header Malla-Sent: milliseconds since 1970/);
});

test("content type and baggage go on under their own names", () => {
  const facts = read("content-TYPE", "application/json", "BAGGAGE", " a=1 , nonsense, b=2 ");
  assert.deepEqual(facts.forwarded, ["Content-Type", "application/json", "baggage", "a=1,b=2"]);
  assert.deepEqual(read("baggage", "nonsense").forwarded, []);
});

test("a trace that makes no sense begins anew instead of failing the call", () => {
  for (const bad of ["", "00-0-0-0", TRACE.toUpperCase(), `ff${TRACE.slice(2)}`])
    assert.equal(read("traceparent", bad).parent, undefined);
});

describe("nonsense in a reserved header is refused, naming it and not repeating it", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["Malla-Timeout", "soon-secret"],
    ["Malla-Timeout", ""],
    ["Malla-Timeout", "-5"],
    ["Malla-Timeout", "1.5"],
    ["Malla-Priority", "urgent-secret"],
    ["Malla-Priority", "Critical"],
    ["Malla-Key", ""],
    ["Malla-Stream", ""],
    ["Malla-Stream", "secret"],
    ["Malla-Stream", "secret.x-0123456789abcdef"],
    ["Malla-Stream", "-0123456789abcdef"],
    ["Malla-Bytes", "0"],
    ["Malla-Bytes", "secret"],
    ["Malla-Bytes", "5"],
    ["Malla-Key", `secret${"x".repeat(256)}`],
    ["Malla-Idempotency-Key", ""],
    ["Malla-Idempotency-Key", "x".repeat(257)],
  ];
  for (const [name, value] of cases) {
    test(`${name}: ${JSON.stringify(value.slice(0, 20))}`, () => {
      const { message } = refused(encodeHeaderBlock([name, value]));
      assert.match(message, new RegExp(name));
      assert.ok(!message.includes("secret"));
    });
  }
});

test("a reserved header that stands twice, in any case, is refused", () => {
  assert.match(refused(encodeHeaderBlock(["Malla-Timeout", "5", "malla-timeout", "5"])).message, /twice/);
  const long = `malla-${"x".repeat(10_000)}`;
  assert.ok(refused(encodeHeaderBlock([long, "", long, ""])).message.length < 200, "a refusal is logged: it is short");
  assert.match(
    refused(encodeHeaderBlock(["Authorization", "a", "authorization", "b"])).message,
    /authorization stands twice/,
  );
});

test("a malformed block and a status line are refused", () => {
  refused(Buffer.from("NATS/1.0\r\nA: b\nMalla-Caller: root\r\n\r\n"));
  assert.match(refused(Buffer.from("NATS/1.0 503\r\n\r\n")).message, /status line/);
});

test("fuzz: it returns facts or throws bad-request, nothing else", () => {
  const name = fc.constantFrom(
    "malla-timeout",
    "Malla-Priority",
    "malla-key",
    "traceparent",
    "tracestate",
    "baggage",
    "content-type",
    "nats-x",
    "x-a",
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) => {
      try {
        const { forwarded } = readRequestHeaders(encodeHeaderBlock(pairs.flat()));
        for (let i = 0; i < forwarded.length; i += 2) assert.doesNotMatch(forwarded[i] as string, /^(malla|nats)-/i);
      } catch (error) {
        assert.ok(error instanceof MeshError && error.reason === "bad-request", String(error));
      }
    }),
  );
});

describe("the deadline", () => {
  const CASES: readonly { name: string; timeoutMs?: number; ceilingMs?: number; lostMs?: number; want: number }[] = [
    { name: "nobody says anything", want: DEFAULT_TIMEOUT_MS },
    { name: "the caller says", timeoutMs: 50, want: 50 },
    { name: "the policy says", ceilingMs: 70, want: 70 },
    { name: "the caller wants less than the policy allows", timeoutMs: 50, ceilingMs: 70, want: 50 },
    { name: "the caller wants more than the policy allows", timeoutMs: 90, ceilingMs: 70, want: 70 },
    { name: "the caller wants more than the mesh allows", timeoutMs: MAX_TIMEOUT_MS * 2, want: MAX_TIMEOUT_MS },
    { name: "time was lost on the way", timeoutMs: 50, lostMs: 30, want: 20 },
    { name: "more was lost than there was", timeoutMs: 50, lostMs: 80, want: -30 },
    { name: "none is left", timeoutMs: 0, want: 0 },
  ];
  for (const { name, timeoutMs, ceilingMs, lostMs = 0, want } of CASES)
    test(name, () => assert.equal(deadlineAtMs(1_000, timeoutMs, ceilingMs, lostMs), 1_000 + want));
});
