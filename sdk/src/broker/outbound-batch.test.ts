import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_BATCHED_BYTES, OutboundBatch } from "./outbound-batch.ts";

const EMPTY = new Uint8Array(0);
const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** `left`: whether what was sent has left the process at once. */
function batch(left = false) {
  const sent: string[] = [];
  const send = (piece: Uint8Array): boolean => {
    sent.push(Buffer.from(piece).toString("latin1"));
    return left;
  };
  return { sent, batch: new OutboundBatch(send) };
}

test("what one turn publishes goes out as one piece, in order, after it", async () => {
  const { sent, batch: outbound } = batch();
  assert.ok(outbound.add("a.b", "", undefined, bytes("one")));
  assert.ok(outbound.add("a.c", "r.1", bytes("NATS/1.0\r\n\r\n"), bytes("two")));
  assert.ok(outbound.add("a.d", "r.2", EMPTY, EMPTY));
  assert.deepEqual(sent, []);
  await Promise.resolve();
  assert.deepEqual(sent, ["PUB a.b 3\r\none\r\nHPUB a.c r.1 12 15\r\nNATS/1.0\r\n\r\ntwo\r\nPUB a.d r.2 0\r\n\r\n"]);
});

test("a flush sends what waits, and the turn's end nothing twice", async () => {
  const { sent, batch: outbound } = batch();
  outbound.add("a", "", undefined, EMPTY);
  outbound.flush();
  assert.equal(sent.length, 1);
  await Promise.resolve();
  assert.equal(sent.length, 1);
  outbound.flush();
  assert.equal(sent.length, 1);
});

test("what is too large is not taken", () => {
  const { sent, batch: outbound } = batch();
  assert.equal(outbound.add("a", "", undefined, new Uint8Array(MAX_BATCHED_BYTES)), false);
  outbound.flush();
  assert.deepEqual(sent, []);
});

test("a subject that would begin a command of its own is refused, and leaves nothing behind", () => {
  for (const bad of ["a b", "a\r\nPUB x 0", "a\t", "", "żółw"]) {
    const { sent, batch: outbound } = batch();
    assert.throws(() => outbound.add(bad, "", undefined, EMPTY), TypeError, JSON.stringify(bad));
    if (bad !== "") assert.throws(() => outbound.add("ok", bad, undefined, EMPTY), TypeError, JSON.stringify(bad));
    outbound.add("fine", "", undefined, EMPTY);
    outbound.flush();
    assert.deepEqual(sent, ["PUB fine 0\r\n\r\n"]);
  }
});

test("memory of what has left is written again, that of what has not is not", () => {
  for (const left of [true, false]) {
    const memory = new Set<ArrayBufferLike>();
    const pieces: Uint8Array[] = [];
    const outbound = new OutboundBatch((piece) => {
      pieces.push(piece);
      memory.add(piece.buffer);
      return left;
    });
    for (let i = 0; i < 100; i++) {
      outbound.add("a", "", undefined, new Uint8Array(16_000).fill(i));
      outbound.flush();
    }
    assert.equal(memory.size === 1, left);
    if (!left)
      assert.deepEqual(
        pieces.map((piece) => piece.at(-3)),
        Array.from({ length: 100 }, (_, i) => i),
      );
  }
});

test("whatever is published, the pieces together are the protocol of it, and what is held is not written over", () => {
  const message = fc.record({
    reply: fc.constantFrom("", "_INBOX.x.1"),
    headers: fc.nat(300),
    payload: fc.oneof(fc.nat(400), fc.nat(MAX_BATCHED_BYTES - 500)),
    flush: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 60 }), fc.func(fc.boolean()), (messages, leaves) => {
      const pieces: Uint8Array[] = [];
      let held: Uint8Array[] = [];
      const outbound = new OutboundBatch((piece) => {
        held.push(piece);
        const left = leaves(pieces.length + held.length);
        // What a socket holds is read when it goes, not when it is given.
        if (left) {
          pieces.push(...held.map((one) => Uint8Array.from(one)));
          held = [];
        }
        return left;
      });
      const want: string[] = [];
      for (const [i, { reply, headers, payload, flush }] of messages.entries()) {
        const block = new Uint8Array(headers).fill(65 + (i % 20));
        const body = new Uint8Array(payload).fill(97 + (i % 20));
        assert.ok(outbound.add("mesh.x", reply, block, body));
        const to = reply === "" ? "mesh.x" : `mesh.x ${reply}`;
        const sizes = headers === 0 ? `${payload}` : `${headers} ${headers + payload}`;
        want.push(`${headers === 0 ? "PUB" : "HPUB"} ${to} ${sizes}\r\n`);
        want.push(Buffer.from(block).toString("latin1"), Buffer.from(body).toString("latin1"), "\r\n");
        if (flush) outbound.flush();
      }
      outbound.flush();
      pieces.push(...held);
      assert.equal(Buffer.concat(pieces).toString("latin1"), want.join(""));
    }),
  );
});
