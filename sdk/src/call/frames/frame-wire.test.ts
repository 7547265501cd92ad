import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { encodeHeaderBlock } from "../../contract/index.ts";
import {
  encodeCredit,
  encodeFrame,
  encodeOffer,
  encodeStreamCancel,
  parseFramedBytes,
  readFrameMessage,
} from "./frame-wire.ts";

const attempt = fc.integer({ min: 0, max: 9_999 });
const number = fc.integer({ min: 0, max: 999_999_999 });

test("what is written is read", () => {
  fc.assert(
    fc.property(attempt, number, number, fc.boolean(), (n, a, b, flag) => {
      assert.deepEqual(readFrameMessage(encodeFrame(n, a, flag)), { type: "frame", attempt: n, seq: a, last: flag });
      const credit = { next: a, until: b, again: flag };
      assert.deepEqual(readFrameMessage(encodeCredit(n, credit)), { type: "credit", attempt: n, credit });
      assert.deepEqual(readFrameMessage(encodeOffer(n, a + 1)), { type: "offer", attempt: n, bytes: a + 1 });
      assert.deepEqual(readFrameMessage(encodeStreamCancel(n)), { type: "cancel", attempt: n });
    }),
  );
});

test("another SDK may write a frame's headers otherwise", () => {
  const block = encodeHeaderBlock(["malla-end", "yes", "MALLA-SEQ", "2 7", "X-Other", "1"]);
  assert.deepEqual(readFrameMessage(block), { type: "frame", attempt: 2, seq: 7, last: true });
});

test("the broker's 503 says which subject nobody hears", () => {
  const unheard = Buffer.from("NATS/1.0 503\r\nNats-Subject: mesh.frames.a.b.c.d\r\n\r\n");
  assert.deepEqual(readFrameMessage(unheard), { type: "unheard", subject: "mesh.frames.a.b.c.d" });
  assert.deepEqual(readFrameMessage(Buffer.from("NATS/1.0 503\r\n\r\n")), { type: "unheard", subject: undefined });
});

test("nonsense is refused with what is wrong", () => {
  const cases: readonly (readonly [readonly string[] | string, RegExp])[] = [
    ["", /no headers/],
    ["NATS/1.0\r\n\r\n", /neither/],
    ["NATS/1.0 200\r\n\r\n", /status line/],
    ["NATS/1.0\r\nMalla-Seq: 1 2\n\r\n", /./],
    [["Malla-Seq", "1"], /Malla-Seq/],
    [["Malla-Seq", "1 -2"], /Malla-Seq/],
    [["Malla-Seq", "1 1000000000"], /Malla-Seq/],
    [["Malla-Credit", "1 2"], /Malla-Credit/],
    [["Malla-Credit", "1 2 3 4"], /Malla-Credit/],
    [["Malla-Cancel", "all"], /Malla-Cancel/],
    [["Malla-Bytes", "0", "Malla-Attempt", "1"], /neither/],
    [["Malla-Bytes", "10"], /Malla-Attempt/],
  ];
  for (const [block, problem] of cases) {
    const read = readFrameMessage(typeof block === "string" ? Buffer.from(block) : encodeHeaderBlock(block));
    assert.ok(typeof read === "string", JSON.stringify(block));
    assert.match(read, problem);
  }
  for (const value of ["", "0", "-1", "1.5", "1e9", "0x10", " 5", "1234567890123"])
    assert.equal(parseFramedBytes(value), undefined, value);
});

test("any bytes are read or refused, never thrown at", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readFrameMessage(bytes)));
});
