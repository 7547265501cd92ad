import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  encodeHeaderBlock,
  type HeaderBlock,
  MeshError,
  type MeshReason,
  parseHeaderBlock,
  reasonTable,
  STATUSES,
} from "../contract/index.ts";
import { applicationFields, encodeFields, errorFields, errorOfReply } from "./respond.ts";

function block(fields: readonly string[]): HeaderBlock {
  const parsed = parseHeaderBlock(encodeHeaderBlock(fields));
  assert.ok(typeof parsed !== "string", String(parsed));
  return parsed;
}

const reasons = Object.keys(reasonTable) as MeshReason[];
const anyError = fc
  .record({
    status: fc.constantFrom(...STATUSES),
    reason: fc.option(fc.constantFrom(...reasons), { nil: undefined }),
    message: fc.string({ unit: "grapheme", maxLength: 200 }),
    origin: fc.constantFrom("router" as const, "instance" as const, "sdk" as const),
    retryAfterMs: fc.option(fc.integer({ min: 1, max: 1e6 }), { nil: undefined }),
  })
  .map(({ status, reason, message, origin, retryAfterMs }) => {
    const rest = { origin, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    return reason === undefined ? new MeshError({ status, message, ...rest }) : MeshError.of(reason, message, rest);
  });

test("property: an error that was written is read the same, its text on one line", () => {
  fc.assert(
    fc.property(anyError, fc.nat({ max: 9_999 }), (error, attempts) => {
      const read = errorOfReply(block(errorFields(error, attempts)), "sdk");
      assert.deepEqual(
        [read?.status, read?.reason, read?.origin, read?.attempts, read?.retryAfterMs, read?.http],
        [error.status, error.reason, error.origin, attempts, error.retryAfterMs, error.http],
      );
    }),
  );
});

test("the text loses line breaks and control characters, never becomes empty, and is cut", () => {
  const text = (message: string): string | undefined =>
    errorOfReply(block(errorFields(new MeshError({ status: "ABORTED", message }), 1)), "sdk")?.message;
  assert.equal(text("a\r\nMalla-Caller: root\0b"), "a Malla-Caller: root b");
  assert.equal(text(""), "no message");
  assert.equal(text("\n\n"), "no message");
  assert.equal(text("żółw"), "żółw");
  assert.equal(text("x".repeat(5_000))?.length, 1_025);
  assert.ok((text("😀".repeat(3_000))?.length ?? 0) < 1_100);
});

test("any micro client understands it", () => {
  const fields = errorFields(MeshError.of("overloaded", "full", { retryAfterMs: 12.3 }), 2);
  const value = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
  assert.equal(value("Nats-Service-Error"), "full");
  assert.equal(value("Nats-Service-Error-Code"), "429");
  assert.equal(value("Malla-Retry-After"), "13");
});

describe("replies of services without our SDK", () => {
  const CASES: readonly { fields: readonly string[]; status: string | undefined; message?: string }[] = [
    { fields: [], status: undefined },
    { fields: ["X-A", "1"], status: undefined },
    {
      fields: ["Nats-Service-Error", "no such thing", "Nats-Service-Error-Code", "404"],
      status: "NOT_FOUND",
      message: "no such thing",
    },
    { fields: ["nats-service-error", "x", "nats-service-error-code", "0"], status: "UNKNOWN", message: "x" },
    { fields: ["Nats-Service-Error", "x"], status: "UNKNOWN", message: "x" },
    { fields: ["Nats-Service-Error-Code", "503"], status: "UNAVAILABLE", message: "no message" },
    { fields: ["Nats-Service-Error", "x", "Nats-Service-Error-Code", "many"], status: "UNKNOWN" },
    { fields: ["Nats-Service-Error", "x", "Nats-Service-Error-Code", "200"], status: "UNKNOWN" },
  ];
  for (const { fields, status, message } of CASES) {
    test(JSON.stringify(fields), () => {
      const error = errorOfReply(block(fields), "instance");
      assert.equal(error?.status, status);
      if (message !== undefined) assert.equal(error?.message, message);
      if (error !== undefined) assert.deepEqual([error.reason, error.origin], ["application", "instance"]);
    });
  }
});

test("words nobody knows become the ones that promise nothing", () => {
  const error = errorOfReply(
    block([
      "Malla-Status",
      "GREAT",
      "Malla-Reason",
      "toString",
      "Malla-Origin",
      "moon",
      "Malla-Attempts",
      "-1",
      "Malla-Retry-After",
      "soon",
    ]),
    "router",
  );
  assert.deepEqual(
    [error?.status, error?.reason, error?.origin, error?.attempts, error?.retryAfterMs],
    ["UNKNOWN", "application", "router", 0, undefined],
  );
});

test("the application's own headers pass, the mesh's and the broker's do not", () => {
  const fields = [
    "X-A",
    "1",
    "malla-load",
    "1,1,1",
    "NATS-Service-Error",
    "x",
    "Content-Type",
    "a/b",
    "Malla-Reason",
    "denied",
    "x-a",
    "2",
  ];
  assert.deepEqual(applicationFields(block(fields)), ["X-A", "1", "Content-Type", "a/b", "x-a", "2"]);
});

test("no fields are no bytes", () => {
  assert.equal(encodeFields([]).length, 0);
  assert.equal(Buffer.from(encodeFields(["A", "b"])).toString(), "NATS/1.0\r\nA: b\r\n\r\n");
});
