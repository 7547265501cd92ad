import assert from "node:assert/strict";
import { test } from "node:test";
import { KEEP_REPLIES_BYTES } from "../call/finished-replies.ts";
import { RunningCalls } from "./running-calls.ts";

const EMPTY = new Uint8Array(0);
const call = (id: string, aborts: string[] = []): { id: string; abort: (reason: string) => void } => ({
  id,
  abort: (reason) => aborts.push(`${id} ${reason}`),
});

test("an id runs once: not while it runs, not after", () => {
  const calls = new RunningCalls();
  assert.ok(calls.mayStart("a", "cart", true));
  calls.start(call("a"));
  assert.ok(!calls.mayStart("a", "cart", true));
  calls.finished.keep("a", "s", EMPTY, EMPTY, 0, "cart");
  calls.end("a");
  assert.ok(!calls.mayStart("a", "cart", true));
});

test("whether it has run is looked up only where it may be heard twice", () => {
  const calls = new RunningCalls();
  calls.finished.keep("a", "s", EMPTY, EMPTY, 0, "cart");
  assert.deepEqual([calls.mayStart("a", "cart", true), calls.mayStart("a", "cart", false)], [false, true]);
});

test("a probe tells running, done and unseen, and what was unseen never runs", () => {
  const calls = new RunningCalls();
  calls.start(call("r"));
  calls.finished.keep("d", "s", EMPTY, EMPTY, 0, "cart");
  assert.deepEqual(calls.probe(["r", "d", "u"]), { running: ["r"], done: ["d"], unseen: ["u"] });
  assert.ok(!calls.mayStart("u", "cart", true));
  assert.deepEqual(calls.probe(["u"]).unseen, ["u"]);
});

test("a call whose reply was too large to keep has run: it is never unseen, which would run it twice", () => {
  const calls = new RunningCalls();
  calls.start(call("big"));
  calls.finished.keep("big", "s", new Uint8Array(KEEP_REPLIES_BYTES / 4), EMPTY, 0, "cart");
  calls.end("big");
  assert.deepEqual(calls.probe(["big"]), { running: [], done: ["big"], unseen: [] });
  assert.ok(!calls.mayStart("big", "cart", true));
});

test("a cancel aborts what runs, burns what has not come, and leaves alone what is done", () => {
  const aborts: string[] = [];
  const calls = new RunningCalls();
  calls.start(call("r", aborts));
  calls.finished.keep("d", "s", EMPTY, EMPTY, 0, "cart");
  for (const id of ["r", "d", "u"]) calls.cancel(id);
  assert.deepEqual(aborts, ["r cancelled"]);
  assert.ok(!calls.mayStart("u", "cart", true));
  assert.deepEqual(calls.probe(["d"]).done, ["d"]);
});

test("burned ids are bounded, the oldest go", () => {
  const calls = new RunningCalls();
  calls.probe(Array.from({ length: 20_001 }, (_, i) => `u${i}`));
  assert.ok(calls.mayStart("u0", "cart", true));
  assert.ok(!calls.mayStart("u1", "cart", true));
  assert.ok(!calls.mayStart("u20000", "cart", true));
});

test("idle at once, or when the last has ended", async () => {
  const calls = new RunningCalls();
  await calls.whenIdle();
  calls.start(call("a"));
  calls.start(call("b"));
  let idle = false;
  const waiting = calls.whenIdle().then(() => (idle = true));
  calls.end("a");
  calls.end("a");
  await Promise.resolve();
  assert.ok(!idle);
  calls.end("b");
  await waiting;
  assert.equal(calls.size, 0);
});
