import assert from "node:assert/strict";
import { test } from "node:test";
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

test("tiny replies are bounded too", () => {
  const replies = new FinishedReplies();
  for (let i = 0; i < 200_000; i++) replies.keep(`r${i}`, "s", EMPTY, EMPTY, 0, "cart");
  assert.ok(replies.size <= KEEP_REPLIES_BYTES / 160, String(replies.size));
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

test("what is remembered of forgotten ones is bounded", () => {
  const replies = new FinishedReplies();
  const huge = new Uint8Array(KEEP_REPLIES_BYTES / 8 + 1);
  for (let i = 0; i <= MAX_FORGOTTEN_REPLIES; i++) replies.keep(`r${i}`, "s", huge, EMPTY, 0, "cart");
  assert.ok(!replies.has("r0"));
  assert.ok(replies.has("r1"));
  assert.ok(replies.has(`r${MAX_FORGOTTEN_REPLIES}`));
});

test("since an instant, in order", () => {
  const replies = new FinishedReplies();
  for (const at of [100, 200, 300]) replies.keep(`r${at}`, "s", EMPTY, EMPTY, at, "cart");
  assert.deepEqual(
    [...replies.since(200)].map(({ id }) => id),
    ["r200", "r300"],
  );
});

test("whoever keeps much loses his own, and nobody else's", () => {
  const replies = new FinishedReplies();
  const own = new Uint8Array(1_000);
  for (let i = 0; i < 1_000; i++) replies.keep(`cart${i}`, "s", own, EMPTY, i, "cart");
  const many = MAX_FORGOTTEN_REPLIES * 2;
  for (let i = 0; i < many; i++) replies.keep(`evil${i}`, "s", EMPTY, EMPTY, 1_000, "evil");
  for (let i = 0; i < 1_000; i++) assert.notEqual(replies.find(`cart${i}`), undefined, `cart${i}`);
  assert.ok(!replies.has("evil0"));
  assert.notEqual(replies.find(`evil${many - 1}`), undefined);
});

test("nor does he make another's calls unseen whose replies went by themselves", () => {
  const replies = new FinishedReplies();
  for (let i = 0; i < 100; i++) replies.keep(`cart${i}`, "s", EMPTY, EMPTY, 0, "cart");
  const later = KEEP_REPLY_MS + 1;
  for (let i = 0; i < MAX_FORGOTTEN_REPLIES * 2; i++) {
    const at = later + Math.floor(i / 1_000) * KEEP_REPLY_MS * 2;
    replies.keep(`evil${i}`, "s", EMPTY, EMPTY, at, "evil");
  }
  assert.equal(replies.find("cart0"), undefined);
  for (let i = 0; i < 100; i++) assert.ok(replies.has(`cart${i}`), `cart${i}`);
  assert.ok(!replies.has("evil0"));
});

test("who comes late to a full table gets his share of it from whoever has most", () => {
  const replies = new FinishedReplies();
  const payload = new Uint8Array(KEEP_REPLIES_BYTES / 100);
  for (let i = 0; i < 200; i++) replies.keep(`a${i}`, "s", payload, EMPTY, 0, i % 4 === 0 ? "web" : "evil");
  for (let i = 0; i < 30; i++) replies.keep(`late${i}`, "s", payload, EMPTY, 0, "late");
  for (let i = 0; i < 30; i++) assert.notEqual(replies.find(`late${i}`), undefined, `late${i}`);
  const webs = Array.from({ length: 50 }, (_, i) => replies.find(`a${i * 4}`)).filter((reply) => reply !== undefined);
  assert.ok(webs.length >= 30, `${webs.length}`);
});
