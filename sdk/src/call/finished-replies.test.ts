import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FinishedReplies, KEEP_REPLIES_BYTES, KEEP_REPLY_MS, MAX_FORGOTTEN_REPLIES } from "./finished-replies.ts";

const EMPTY = new Uint8Array(0);

test("a reply is found with its subject, bytes and headers, apart from the sender's buffer", () => {
  const replies = new FinishedReplies();
  const payload = Uint8Array.from([1, 2, 3]);
  replies.keep("a", "subject", payload, Uint8Array.from([9]), 100, "cart");
  payload.fill(0);
  const found = replies.find("a");
  assert.deepEqual(
    [found?.subject, [...(found?.payload ?? [])], [...(found?.headers ?? [])], found?.endedAtMs],
    ["subject", [1, 2, 3], [9], 100],
  );
  assert.equal(replies.find("b"), undefined);
  assert.ok(!replies.has("b"));
});

test("the oldest go when the bytes are too many, and it is still known that they ended", () => {
  const replies = new FinishedReplies();
  const payload = new Uint8Array(KEEP_REPLIES_BYTES / 10);
  for (let i = 0; i < 30; i++) replies.keep(`r${i}`, "s", payload, EMPTY, i, "cart");
  assert.ok(replies.size < 10 && replies.size >= 9, String(replies.size));
  assert.equal(replies.find("r0"), undefined);
  assert.notEqual(replies.find("r29"), undefined);
  for (let i = 0; i < 30; i++) assert.ok(replies.has(`r${i}`), `r${i}`);
});

test("tiny replies are bounded too, wherever the ring happens to end", () => {
  const replies = new FinishedReplies();
  const tiny = Array.from({ length: 90 }, (_, size) => new Uint8Array(size));
  for (let i = 0; i < 200_000; i++) replies.keep(`r${i}`, "s", tiny[i % 83] as Uint8Array, EMPTY, i / 100, "cart");
  assert.ok(replies.size <= KEEP_REPLIES_BYTES / 48, String(replies.size));
  assert.equal(replies.find("r199999")?.payload.length, 199_999 % 83);
});

test("a reply is kept for its time", () => {
  const replies = new FinishedReplies();
  replies.keep("old", "s", EMPTY, EMPTY, 0, "cart");
  replies.keep("young", "s", EMPTY, EMPTY, KEEP_REPLY_MS, "cart");
  assert.notEqual(replies.find("old"), undefined);
  replies.keep("new", "s", EMPTY, EMPTY, KEEP_REPLY_MS + 1, "cart");
  assert.equal(replies.find("old"), undefined);
  assert.ok(replies.has("old"));
  assert.notEqual(replies.find("young"), undefined);
});

test("a reply too large to keep pushes nobody out, and its call is known to have ended", () => {
  const replies = new FinishedReplies();
  replies.keep("small", "s", EMPTY, EMPTY, 0, "cart");
  replies.keep("huge", "s", new Uint8Array(KEEP_REPLIES_BYTES / 8 + 1), EMPTY, 0, "cart");
  assert.equal(replies.find("huge"), undefined);
  assert.ok(replies.has("huge"));
  assert.notEqual(replies.find("small"), undefined);
});

test("an id used again takes its own place: counts do not drift until nothing is kept", () => {
  const replies = new FinishedReplies();
  const payload = new Uint8Array(KEEP_REPLIES_BYTES / 16);
  for (let i = 0; i < 100; i++) replies.keep("same", `s${i}`, payload, EMPTY, i, "cart");
  assert.equal(replies.size, 1);
  assert.equal(replies.find("same")?.subject, "s99");
  for (let i = 0; i < 10; i++) replies.keep(`r${i}`, "s", payload, EMPTY, 100, "cart");
  assert.equal(replies.size, 11);
});

test("what is remembered of forgotten ones is bounded, and the oldest eighth goes at a time", () => {
  const replies = new FinishedReplies();
  const huge = new Uint8Array(KEEP_REPLIES_BYTES / 8 + 1);
  for (let i = 0; i <= MAX_FORGOTTEN_REPLIES; i++) replies.keep(`r${i}`, "s", huge, EMPTY, 0, "cart");
  assert.ok(!replies.has("r0"));
  for (let i = MAX_FORGOTTEN_REPLIES / 8; i <= MAX_FORGOTTEN_REPLIES; i++) assert.ok(replies.has(`r${i}`), `r${i}`);
});

test("a principal with more than its share loses its own, not another's", () => {
  const replies = new FinishedReplies();
  const payload = new Uint8Array(500_000);
  for (let i = 0; i < 6; i++) replies.keep(`web${i}`, `w${i}`, payload, EMPTY, i, "web");
  for (let i = 0; i < 100; i++) replies.keep(`flood${i}`, "s", payload, EMPTY, 10 + i, "flood");
  for (let i = 0; i < 6; i++) assert.equal(replies.find(`web${i}`, "web")?.subject, `w${i}`);
  assert.ok([...replies.since(0)].length * 500_000 <= KEEP_REPLIES_BYTES);
  assert.ok(replies.has("flood0", "flood"));
});

test("who had everything gives of it to those who come", () => {
  const replies = new FinishedReplies();
  const payload = new Uint8Array(500_000);
  for (let i = 0; i < 16; i++) replies.keep(`flood${i}`, "s", payload, EMPTY, i, "flood");
  for (let i = 0; i < 6; i++) replies.keep(`web${i}`, `w${i}`, payload, EMPTY, i, "web");
  for (let i = 0; i < 6; i++) assert.equal(replies.find(`web${i}`, "web")?.subject, `w${i}`);
  assert.ok(replies.has("flood0", "flood"));
  assert.notEqual(replies.find("flood15", "flood"), undefined);
});

test("who had everything in tens of thousands of small replies gives half of it", () => {
  const replies = new FinishedReplies();
  for (let i = 0; i < 100_000; i++) replies.keep(`flood${i}`, "s", EMPTY, EMPTY, 0, "flood");
  replies.keep("web", "w", EMPTY, EMPTY, 1, "web");
  assert.ok(replies.has("web", "web"));
  assert.ok(replies.size > 40_000 && replies.size < 110_000, String(replies.size));
});

test("a flood of forgotten ids pushes out its own", () => {
  const replies = new FinishedReplies();
  const huge = new Uint8Array(KEEP_REPLIES_BYTES / 8 + 1);
  for (let i = 0; i < 1_000; i++) replies.keep(`web${i}`, "s", huge, EMPTY, 0, "web");
  for (let i = 0; i < 3 * MAX_FORGOTTEN_REPLIES; i++) replies.keep(`flood${i}`, "s", huge, EMPTY, 0, "flood");
  for (let i = 0; i < 1_000; i++) assert.ok(replies.has(`web${i}`, "web"));
  assert.ok(!replies.has("flood0", "flood"));
});

test("ids are a principal's own", () => {
  const replies = new FinishedReplies();
  replies.keep("a", "of web", EMPTY, EMPTY, 0, "web");
  replies.keep("a", "of cart", EMPTY, EMPTY, 0, "cart");
  assert.deepEqual([replies.find("a", "web")?.subject, replies.find("a", "cart")?.subject], ["of web", "of cart"]);
  assert.ok(!replies.has("a", "mail"));
});

test("since an instant, in order", () => {
  const replies = new FinishedReplies();
  for (const at of [100, 200, 300]) replies.keep(`r${at}`, `s${at}`, EMPTY, EMPTY, at, "cart");
  assert.deepEqual(
    [...replies.since(200)].map(({ subject }) => subject),
    ["s200", "s300"],
  );
});

/** What the ring of bytes must behave as: a list, oldest first, of which the oldest goes when something has to. */
test("whatever is kept, found and let go, it is as a plain list would have it", () => {
  const bytes = fc.oneof({ weight: 20, arbitrary: fc.nat(600) }, { weight: 1, arbitrary: fc.nat(1_100_000) });
  const step = fc.record({ id: fc.nat(400), bytes, afterMs: fc.nat(60), headers: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 600 }), (steps) => {
      const replies = new FinishedReplies();
      const model: { id: string; subject: string; fill: number; bytes: number; at: number }[] = [];
      const ended = new Set<string>();
      let nowMs = 0;
      for (const [i, { id, bytes: size, afterMs, headers }] of steps.entries()) {
        nowMs += afterMs;
        const name = `id${id}`;
        const subject = `_INBOX.${"x".repeat(i % 50)}.${i}`;
        replies.keep(name, subject, new Uint8Array(size).fill(i), new Uint8Array(headers).fill(i), nowMs, "cart");
        ended.add(name);
        const same = model.findIndex((one) => one.id === name);
        if (same >= 0) model.splice(same, 1);
        if (size <= KEEP_REPLIES_BYTES / 8 - 200)
          model.push({ id: name, subject, fill: i & 255, bytes: size, at: nowMs });
        const found = replies.find(name);
        if (found !== undefined) {
          assert.deepEqual([found.subject, found.payload.length, found.headers.length], [subject, size, headers]);
          assert.ok(found.payload.every((byte) => byte === (i & 255)));
        } else assert.ok(size > KEEP_REPLIES_BYTES / 8 - 200);
      }
      // The ring has let go only of the oldest: what it still has is the end of the list.
      const kept = [...replies.since(0)].map(({ subject }) => subject);
      assert.deepEqual(kept, kept.length === 0 ? [] : model.map(({ subject }) => subject).slice(-kept.length));
      assert.equal(replies.size, kept.length);
      const total = model.reduce((sum, one) => sum + one.bytes + 200, 0);
      const young = model.filter(({ at }) => nowMs - at <= KEEP_REPLY_MS);
      if (total < KEEP_REPLIES_BYTES / 2) assert.ok(kept.length >= young.length, `${kept.length} of ${young.length}`);
      for (const one of model) {
        const found = replies.find(one.id);
        assert.equal(found !== undefined, kept.includes(one.subject));
      }
      for (const id of ended) assert.ok(replies.has(id));
    }),
    { numRuns: 60 },
  );
});
