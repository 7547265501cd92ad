// Values of single headers: timeouts, loads, trace context, baggage. What is taken is within its bounds, and reading what
// would be passed on gives the same again.
import { formatLoad, formatTimeoutMs, MAX_TIMEOUT_MS, parseLoad, parseTimeoutMs } from "@malla/sdk/contract";
import {
  boundBaggage,
  boundTracestate,
  formatTraceparent,
  MAX_BAGGAGE_BYTES,
  MAX_BAGGAGE_MEMBERS,
  MAX_TRACESTATE_LENGTH,
  MAX_TRACESTATE_MEMBERS,
  parseTraceparent,
} from "@malla/sdk/telemetry";
import { bytesOf, type FuzzTarget, must, textOf } from "../target.ts";

/** A value is never longer than the block it came in. */
const MAX_VALUE_BYTES = 64 * 1024;

function timeout(text: string): string {
  const ms = parseTimeoutMs(text);
  if (ms === undefined) return "no";
  must(Number.isInteger(ms) && ms >= 0 && ms <= MAX_TIMEOUT_MS, `a timeout of ${ms} ms`);
  must(/^[0-9]+$/.test(text) && ms === Math.min(Number(text), MAX_TIMEOUT_MS), "not what the digits say");
  must(parseTimeoutMs(formatTimeoutMs(ms)) === ms, "does not come back");
  return `ok ${text.length}`;
}

function load(text: string): string {
  const read = parseLoad(text);
  if (read === undefined) return "no";
  const numbers = [read.inFlight, read.queued, read.loopLagMs];
  must(
    numbers.every((value) => Number.isInteger(value) && value >= 0 && value < 1e7),
    "a load out of bounds",
  );
  must(numbers.join(",") === text.split(",").map(Number).join(","), "not what the digits say");
  must(JSON.stringify(parseLoad(formatLoad(read))) === JSON.stringify(read), "does not come back");
  return `ok ${text.length}`;
}

function traceparent(text: string, state: string): string {
  const context = parseTraceparent(text, state);
  if (context === undefined) return `no ${Math.min(text.length, 60)}`;
  must(/^[0-9a-f]{32}$/.test(context.traceId) && !/^0+$/.test(context.traceId), "a bad trace id");
  must(/^[0-9a-f]{16}$/.test(context.spanId) && !/^0+$/.test(context.spanId), "a bad span id");
  must(text.includes(`-${context.traceId}-${context.spanId}-`), "ids that do not stand there");
  const again = parseTraceparent(formatTraceparent(context), context.tracestate);
  must(JSON.stringify(again) === JSON.stringify(context), "does not come back");
  return `ok ${context.sampled} ${context.random} ${context.tracestate === undefined}`;
}

function tracestate(text: string): string {
  const bounded = boundTracestate(text);
  if (bounded === undefined) return "no";
  const members = bounded.split(",");
  must(
    bounded.length <= MAX_TRACESTATE_LENGTH && members.length <= MAX_TRACESTATE_MEMBERS,
    "a tracestate without bound",
  );
  must(/^[\x20-\x7e]+$/.test(bounded), "a tracestate that is not printable ASCII");
  must(new Set(members.map((member) => member.split("=")[0])).size === members.length, "a key twice");
  must(
    members.every((member) => text.includes(member)),
    "a member that does not stand there",
  );
  must(boundTracestate(bounded) === bounded, "bounding once more changes it");
  return `ok ${members.length}`;
}

function baggage(text: string): string {
  const bounded = boundBaggage(text);
  if (bounded === undefined) return "no";
  const members = bounded.split(",");
  must(
    Buffer.byteLength(bounded) <= MAX_BAGGAGE_BYTES && members.length <= MAX_BAGGAGE_MEMBERS,
    "baggage without bound",
  );
  must(
    members.every((member) => member.indexOf("=") >= 1 && text.includes(member)),
    "a member that is none",
  );
  must(boundBaggage(bounded) === bounded, "bounding once more changes it");
  return `ok ${members.length}`;
}

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACESTATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,a@b=c";

export const timeouts: FuzzTarget = {
  name: "timeouts",
  seeds: ["1", "10000", "300000", "999999999", "0"].map((text) => [bytesOf(text)]),
  words: ["9", "000", " ", "+", "-", ".", "e3", "٣", "\n"],
  maxBytes: 256,
  shortInputs: 10_000,
  open: () => ({ run: ([text]) => timeout(textOf(text)) }),
};

export const loads: FuzzTarget = {
  name: "loads",
  seeds: ["0,0,0", "12,3,45", "9999999,9999999,9999999"].map((text) => [bytesOf(text)]),
  words: [",", "9", "0", "-", " ", "e1", "\n"],
  maxBytes: 256,
  shortInputs: 10_000,
  open: () => ({ run: ([text]) => load(textOf(text)) }),
};

export const traceContexts: FuzzTarget = {
  name: "trace-context",
  seeds: [
    [bytesOf(TRACEPARENT), bytesOf(TRACESTATE)],
    [bytesOf(TRACEPARENT.replace("-01", "-00")), bytesOf("")],
    [bytesOf(`cc${TRACEPARENT.slice(2)}-more`), bytesOf(TRACESTATE)],
  ],
  words: ["-", "00", "ff", "0".repeat(16), "0".repeat(32), "A", "g", ",", "=", "@", " ", "\t", "a=b,"],
  maxBytes: MAX_VALUE_BYTES,
  shortInputs: 20_000,
  open: () => ({
    run: ([parent, state]) => `${traceparent(textOf(parent), textOf(state))} ${tracestate(textOf(state))}`,
  }),
};

export const baggages: FuzzTarget = {
  name: "baggage",
  seeds: ["a=1,b=2;meta", " userId = alice , isProduction=false ", "k=%20v,,x"].map((text) => [bytesOf(text)]),
  words: [",", "=", ";", " ", "\t", "a=b,", "=,", "é=ü,", "  ", "\t \t"],
  maxBytes: MAX_VALUE_BYTES,
  shortInputs: 10_000,
  open: () => ({ run: ([text]) => baggage(textOf(text)) }),
};
