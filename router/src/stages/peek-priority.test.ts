import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { encodeHeaderBlock } from "@malla/sdk/contract";
import { MAX_PEEKED_BYTES, peekPriority } from "./peek-priority.ts";

const given = (text: string): string => peekPriority(Buffer.from(text));

test("reads what stands there, in any case and among others", () => {
  assert.equal(peekPriority(encodeHeaderBlock(["X-A", "1", "Malla-Priority", "critical", "X-B", "2"])), "critical");
  assert.equal(given("NATS/1.0\r\nMALLA-priority:\tSheddable \r\n\r\n"), "sheddable");
});

test("nothing, nonsense, or a line of something else is default", () => {
  for (const text of [
    "",
    "NATS/1.0\r\n\r\n",
    "NATS/1.0\r\nMalla-Priority: urgent\r\n\r\n",
    "NATS/1.0\r\nX-Malla-Priority: critical\r\n\r\n",
    "NATS/1.0\r\nX: Malla-Priority: critical\r\n\r\n",
    "NATS/1.0\r\nMalla-Priority: critical",
    "NATS/1.0\r\nMalla-Priority: critical sheddable\r\n\r\n",
  ])
    assert.equal(given(text), "default", JSON.stringify(text));
});

test("a long block is not searched to its end", () => {
  const before = (bytes: number): Uint8Array =>
    encodeHeaderBlock(["X-A", "x".repeat(bytes), "Malla-Priority", "critical"]);
  assert.equal(peekPriority(before(MAX_PEEKED_BYTES - 100)), "critical");
  assert.equal(peekPriority(before(MAX_PEEKED_BYTES)), "default");
});

test("reads a block that is a view into a larger buffer, and not what stands behind it", () => {
  const whole = Buffer.from("NATS/1.0\r\nX: 1\r\n\r\n\r\nMalla-Priority: critical\r\n");
  assert.equal(peekPriority(whole.subarray(0, 19)), "default");
});
