import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "./mesh-error.ts";
import { type MeshReason, reasonTable } from "./reasons.ts";

test("an application's error has its own status and the defaults", () => {
  const error = new MeshError({ status: "NOT_FOUND", message: "no such order" });
  assert.ok(error instanceof Error);
  assert.equal(error.name, "MeshError");
  assert.deepEqual(
    [error.status, error.reason, error.origin, error.attempts, error.retryAfterMs, error.http, error.message],
    ["NOT_FOUND", "application", "instance", 0, undefined, 404, "no such order"],
  );
  assert.equal("cause" in error, false);
});

test("a refusal of the mesh takes status and HTTP number from its reason", () => {
  for (const reason of Object.keys(reasonTable) as MeshReason[]) {
    const error = MeshError.of(reason, "text");
    assert.deepEqual(
      [error.status, error.http, error.reason, error.origin],
      [reasonTable[reason].status, reasonTable[reason].http, reason, "sdk"],
    );
  }
  const cause = new Error("inner");
  const full = MeshError.of("overloaded", "full", { origin: "router", attempts: 2, retryAfterMs: 30, cause });
  assert.deepEqual([full.origin, full.attempts, full.retryAfterMs, full.cause], ["router", 2, 30, cause]);
});

test("whatever was thrown becomes one", () => {
  const mine = MeshError.of("denied", "no");
  assert.equal(MeshError.from(mine, "router"), mine);
  for (const [thrown, message] of [
    [new TypeError("x is not a function"), "x is not a function"],
    ["text", "text"],
    [undefined, "undefined"],
    [null, "null"],
    [7, "7"],
  ] as const) {
    const error = MeshError.from(thrown, "instance");
    assert.deepEqual(
      [error.status, error.reason, error.origin, error.message],
      ["UNKNOWN", "handler", "instance", message],
    );
    assert.equal(error.cause, thrown);
  }
});

test("its JSON has what people need and not the cause", () => {
  const error = MeshError.of("gone", "lost", { cause: new Error("secret") });
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    status: "UNAVAILABLE",
    reason: "gone",
    message: "lost",
    origin: "sdk",
    attempts: 0,
  });
  assert.equal(JSON.parse(JSON.stringify(MeshError.of("overloaded", "x", { retryAfterMs: 5 }))).retryAfterMs, 5);
});
