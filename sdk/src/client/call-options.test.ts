import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CallOptions, requestFields } from "./call-options.ts";

test("without options a request says its content type only", () => {
  assert.deepEqual(requestFields({}, "application/json"), ["Content-Type", "application/json"]);
});

test("each option has its header", () => {
  const options: CallOptions = {
    key: "k",
    priority: "critical",
    idempotencyKey: "once",
    userToken: "jwt",
    headers: { "X-A": "1", "x-b": "2" },
  };
  assert.deepEqual(requestFields(options, "a/b"), [
    ...["Content-Type", "a/b", "X-A", "1", "x-b", "2", "Malla-Key", "k", "Malla-Priority", "critical"],
    ...["Malla-Idempotency-Key", "once", "Authorization", "Bearer jwt"],
  ]);
});

describe("what cannot be sent is a TypeError that names the header", () => {
  for (const name of [
    "Malla-Caller",
    "malla-x",
    "traceparent",
    "Authorization",
    "content-type",
    "Nats-Msg-Id",
    "NATS-x",
    "a b",
    "",
  ])
    test(`the name ${JSON.stringify(name)}`, () =>
      assert.throws(
        () => requestFields({ headers: { [name]: "v" } }, "a/b"),
        (error) => error instanceof TypeError && error.message.includes(name),
      ));

  const SMUGGLED = "x\r\nMalla-Caller: root";
  const OPTIONS: readonly CallOptions[] = [
    { headers: { "X-A": SMUGGLED } },
    { key: SMUGGLED },
    { idempotencyKey: SMUGGLED },
    { userToken: SMUGGLED },
    { priority: SMUGGLED as never },
    { headers: { "X-A": 7 as never } },
  ];
  for (const options of OPTIONS)
    test(`a value in ${Object.keys(options)[0]}, which is not repeated`, () =>
      assert.throws(
        () => requestFields(options, "a/b"),
        (error) => error instanceof TypeError && !error.message.includes("root"),
      ));
});
