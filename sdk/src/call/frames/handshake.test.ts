import assert from "node:assert/strict";
import { test } from "node:test";
import { directStream, directStreamId } from "./handshake.ts";

test("the stream of a direct attempt has another id than the attempt, and leads back to it", () => {
  const attempt = "0123456789abcdef";
  const stream = directStreamId(attempt);
  assert.notEqual(stream, attempt);
  assert.equal(stream.length, attempt.length);
  assert.equal(directStreamId(stream), attempt);
  assert.equal(directStream(`_INBOX.cart.orders.conn.${attempt}`), `conn-${stream}`);
});

test("an inbox that is no direct attempt's names no stream", () => {
  for (const reply of ["", "_INBOX.cart.orders.conn", "_INBOX.cart.orders.conn.short"])
    assert.equal(directStream(reply), undefined, reply);
});
