import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../contract/index.ts";
import { thrownError, unencodable } from "./thrown-error.ts";

test("an application's own error passes with its status, message and patience", () => {
  const error = thrownError(new MeshError({ status: "RESOURCE_EXHAUSTED", message: "later", retryAfterMs: 50 }));
  assert.deepEqual(
    [error.status, error.reason, error.message, error.origin, error.retryAfterMs],
    ["RESOURCE_EXHAUSTED", "application", "later", "instance", 50],
  );
});

test("an error of a nested call tells nothing of this one: it never says that the handler did not run", () => {
  for (const reason of ["not-started", "overloaded", "no-instance", "gone", "deadline", "cancelled"] as const) {
    const nested = MeshError.of(reason, "of payments", { origin: "router", attempts: 0 });
    const error = thrownError(nested);
    assert.deepEqual(
      [error.reason, error.status, error.origin, error.cause],
      ["application", nested.status, "instance", nested],
    );
  }
});

test("anything else is the handler's fault, whatever was thrown", () => {
  const hostile = {
    toString: () => {
      throw new Error("no text");
    },
  };
  for (const thrown of [new Error("x"), "x", undefined, null, 7, Symbol("x"), hostile, Object.create(null)]) {
    const error = thrownError(thrown);
    assert.deepEqual([error.reason, error.status, error.origin], ["handler", "UNKNOWN", "instance"]);
    assert.equal(error.cause, thrown);
    assert.equal(typeof error.message, "string");
  }
  assert.match(unencodable(new TypeError("cyclic")).message, /result cannot be encoded: cyclic/);
});
