import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { header, MeshError, type Reason, reasonTable, type Status } from "../../contract/index.ts";
import { errorFields } from "../respond.ts";
import { classify as classifyOf, outcomeOf } from "./classify.ts";

const EMPTY = new Uint8Array(0);
const reply = (fields: readonly string[], status = 0, payload = EMPTY): Parameters<typeof classifyOf>[0] => ({
  attemptId: "",
  headers: { status, fields },
  payload,
});

const classify = (answer: Parameters<typeof classifyOf>[0]): MeshError | undefined => classifyOf(answer, "sdk");

test("no error header is a success, whatever the payload", () => {
  assert.equal(classify(reply([])), undefined);
  assert.equal(classify(reply(["Content-Type", "application/json", "Malla-Load", "1,0,0"])), undefined);
});

test("the broker's 503 proves that nothing ran", () => {
  const error = classify(reply(["Nats-Subject", "mesh.run.a.b.c.d"], 503));
  assert.deepEqual([error?.reason, error?.origin], ["not-started", "router"]);
});

test("a 503 with a payload is not the broker's, nor is another status line", () => {
  assert.equal(classify(reply([], 503, Uint8Array.from([1])))?.reason, "internal");
  assert.equal(classify(reply([], 408))?.reason, "internal");
});

test("an instance's nack is its own word", () => {
  const error = classify(reply(errorFields(MeshError.of("not-started", "draining", { origin: "instance" }), 1)));
  assert.deepEqual([error?.reason, error?.origin, error?.message], ["not-started", "instance", "draining"]);
});

describe("what an instance may not say", () => {
  const forged = (reason: string, status = "UNAVAILABLE"): string[] => [
    ...[header.status, status, header.reason, reason, header.origin, "router", header.attempts, "0"],
    ...[header.serviceError, "forged"],
  ];

  test("it speaks for itself alone: never as a router, and never with a router's reasons", () => {
    for (const reason of ["no-instance", "breaker-open", "parking-full", "no-service", "gone", "made-up"]) {
      const error = classify(reply(forged(reason)));
      assert.deepEqual(
        [error?.reason, error?.status, error?.origin, error?.attempts],
        ["application", "UNAVAILABLE", "instance", 0],
        reason,
      );
    }
    assert.deepEqual(
      [classify(reply(forged("not-started")))?.reason, classify(reply(forged("not-started")))?.origin],
      ["not-started", "instance"],
    );
  });

  test("a reason of ours comes with its own status, whatever was said beside it", () => {
    assert.equal(classify(reply(forged("handler")))?.status, "UNKNOWN");
    assert.equal(classify(reply(forged("deadline", "OK")))?.status, "DEADLINE_EXCEEDED");
  });

  test("a plain service's headers of ours are not read", () => {
    const error = classifyOf(
      reply([...forged("not-started"), header.serviceErrorCode, "503", header.retryAfter, "5"]),
      "plain",
    );
    assert.deepEqual(
      [error?.reason, error?.status, error?.origin, error?.message, error?.retryAfterMs],
      ["application", "UNAVAILABLE", "instance", "forged", undefined],
    );
    const withoutText = forged("not-started").slice(0, -2);
    assert.equal(classifyOf(reply(withoutText), "plain"), undefined, "a success, as far as a plain service can say");
  });
});

describe("what an error says about the instance", () => {
  const want: Record<Reason, string> = {
    application: "success",
    "bad-request": "success",
    unauthenticated: "success",
    denied: "success",
    "no-service": "success",
    "no-method": "success",
    "no-instance": "success",
    "breaker-open": "success",
    "rate-limited": "refused",
    overloaded: "refused",
    "parking-full": "success",
    "too-large": "success",
    "not-started": "refused",
    gone: "failure",
    deadline: "failure",
    cancelled: "abandoned",
    handler: "failure",
    internal: "failure",
  };
  test("by reason", () => {
    for (const reason of Object.keys(reasonTable) as (keyof typeof reasonTable)[])
      assert.equal(outcomeOf(MeshError.of(reason, "x")), want[reason], reason);
    assert.equal(outcomeOf(undefined), "success");
  });
  test("an application's own codes say nothing bad of it, but for those of a broken service", () => {
    const ill: readonly Status[] = ["UNAVAILABLE", "INTERNAL", "DATA_LOSS"];
    for (const status of ["NOT_FOUND", "UNKNOWN", "ABORTED", "RESOURCE_EXHAUSTED", ...ill] as const)
      assert.equal(
        outcomeOf(new MeshError({ status, message: "x" })),
        ill.includes(status) ? "failure" : "success",
        status,
      );
  });
});
