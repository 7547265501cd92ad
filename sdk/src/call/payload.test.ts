import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { MeshError } from "../contract/index.ts";
import { decodeJson, decodePayload, encodePayload, isJson } from "./payload.ts";

test("property: what JSON can carry comes back", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const { bytes, contentType } = encodePayload(value);
      assert.deepEqual(decodePayload(bytes, contentType), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("bytes travel as they are, undefined as null", () => {
  const bytes = Uint8Array.from([0, 255, 1]);
  assert.deepEqual(encodePayload(bytes), { bytes, contentType: "application/octet-stream" });
  assert.equal(decodePayload(bytes, "application/octet-stream"), bytes);
  const { bytes: nothing } = encodePayload(undefined);
  assert.equal(decodePayload(nothing, "application/json"), null);
});

test("nothing at all is undefined; a view into a larger buffer is read as itself", () => {
  assert.equal(decodePayload(new Uint8Array(0), "application/json"), undefined);
  const whole = Buffer.from('xx{"a":1}xx');
  assert.deepEqual(decodeJson(whole.subarray(2, 9)), { a: 1 });
});

test("without a content type it is JSON if it is", () => {
  assert.deepEqual(decodePayload(Buffer.from("[1]"), undefined), [1]);
  const bytes = Buffer.from("[1");
  assert.equal(decodePayload(bytes, undefined), bytes);
});

test("broken JSON is the caller's INVALID_ARGUMENT, and is not quoted", () => {
  assert.throws(
    () => decodePayload(Buffer.from('{"password":"hunter2"'), "application/json"),
    (error) => {
      assert.ok(error instanceof MeshError);
      assert.deepEqual([error.status, error.reason], ["INVALID_ARGUMENT", "application"]);
      assert.ok(!error.message.includes("hunter2"));
      return true;
    },
  );
});

test("content types of JSON", () => {
  for (const type of [
    "application/json",
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "application/problem+json",
    "application/json;a=b",
  ])
    assert.ok(isJson(type), type);
  for (const type of [
    "",
    "json",
    "text/json",
    "application/jsonx",
    "application/json5",
    "application/protobuf",
    "xapplication/json",
  ])
    assert.ok(!isJson(type), type);
});
