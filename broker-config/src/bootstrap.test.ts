import assert from "node:assert/strict";
import { test } from "node:test";
import { JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "nats";
import { formingMs } from "./bootstrap.ts";

function answered(err_code: number): JetStreamApiError {
  return new JetStreamApiError({ code: 503, err_code, description: "as the server says" });
}

test("a cluster that forms is waited for: for ever while it is silent or has no leader, a moment while an account is not loaded", () => {
  for (const error of [new errors.TimeoutError(), answered(10_008), answered(10_005)])
    assert.equal(formingMs(error), Infinity, String(error));
  const wrapped = new Error("JetStream not enabled for account", { cause: answered(10_039) });
  assert.equal(formingMs(wrapped), 5_000);
  for (const error of [answered(10_052), new Error("broken", { cause: new Error("x") }), "text"])
    assert.equal(formingMs(error), 0, String(error));
});
