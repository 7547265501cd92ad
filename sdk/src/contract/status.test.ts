import assert from "node:assert/strict";
import { test } from "node:test";
import { isStatus, STATUSES, statusFromHttp, statusTable } from "./status.ts";

test("the sixteen codes of gRPC, with their numbers", () => {
  assert.deepEqual(
    STATUSES.map((status) => statusTable[status].grpc),
    Array.from({ length: 16 }, (_, i) => i + 1),
  );
  assert.equal(statusTable.UNAVAILABLE.grpc, 14);
  assert.equal(statusTable.UNAUTHENTICATED.grpc, 16);
});

test("only their names are statuses", () => {
  for (const status of STATUSES) assert.ok(isStatus(status));
  for (const name of ["OK", "", "unavailable", "toString", "__proto__", "constructor"])
    assert.ok(!isStatus(name), name);
});

test("a plain service's number becomes a status by the usual map, else UNKNOWN", () => {
  const map: Record<number, string> = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
  };
  for (let code = 0; code < 1_000; code++) assert.equal(statusFromHttp(code), map[code] ?? "UNKNOWN", String(code));
  for (const code of [Number.NaN, -1, 503.5, Number.POSITIVE_INFINITY]) assert.equal(statusFromHttp(code), "UNKNOWN");
});
