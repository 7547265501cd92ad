import assert from "node:assert/strict";
import { test } from "node:test";
import { type ActiveCall, ActiveCalls, MAX_BURNED, MAX_BURNED_PER_PRINCIPAL } from "./active-calls.ts";

const EMPTY = new Uint8Array(0);
const call = (id: string, principal = "cart", bytes = 0): ActiveCall => ({
  id,
  principal,
  bytes,
  dispatch: undefined,
});

test("calls and their bytes are counted, in all and by principal, and each ends once", () => {
  const active = new ActiveCalls();
  const [a, b, c] = [call("a", "cart", 10), call("b", "cart", 5), call("c", "web", 1)];
  for (const one of [a, b, c]) active.start(one);
  assert.deepEqual(
    [active.size, active.bytes, active.useOf("cart"), active.useOf("web"), active.useOf("nobody")],
    [3, 16, { calls: 2, bytes: 15 }, { calls: 1, bytes: 1 }, { calls: 0, bytes: 0 }],
  );
  active.end(a);
  active.end(a);
  assert.deepEqual([active.size, active.bytes, active.useOf("cart")], [2, 6, { calls: 1, bytes: 5 }]);
  active.end(b);
  assert.deepEqual(active.useOf("cart"), { calls: 0, bytes: 0 });
});

test("a call is found by its own principal only", () => {
  const active = new ActiveCalls();
  const a = call("a");
  active.start(a);
  assert.equal(active.find("a", "cart"), a);
  assert.equal(active.find("a", "web"), undefined);
});

test("a probe tells a principal of its own calls, burns what is unseen, for that principal only", () => {
  const active = new ActiveCalls();
  active.start(call("running"));
  active.finished.keep("done", "s", EMPTY, EMPTY, 0, "cart");
  assert.deepEqual(active.probe("cart", ["running", "done", "new"]), {
    running: ["running"],
    done: ["done"],
    unseen: ["new"],
  });
  assert.ok(!active.mayStart("new", "cart"));
  assert.deepEqual(active.probe("web", ["running", "done"]), { running: [], done: [], unseen: ["running", "done"] });
  assert.notEqual(active.find("running", "cart"), undefined);
  assert.ok(active.mayStart("fresh", "web"));
});

test("an id named a thousand times is answered once", () => {
  const active = new ActiveCalls();
  active.finished.keep("done", "s", EMPTY, EMPTY, 0, "cart");
  assert.deepEqual(active.probe("cart", new Array<string>(1_000).fill("done")).done, ["done"]);
});

test("an id that runs may not start again; one that has ended may, since a plain client may use its reply again", () => {
  const active = new ActiveCalls();
  const a = call("a");
  active.start(a);
  assert.ok(!active.mayStart("a", "cart"));
  active.end(a);
  assert.ok(active.mayStart("a", "cart"));
});

const burn = (active: ActiveCalls, principal: string, from: number, count: number): void =>
  void active.probe(
    principal,
    Array.from({ length: count }, (_, i) => `u${from + i}`),
  );

test("burned ids are bounded, the oldest are forgotten", () => {
  const active = new ActiveCalls();
  for (let i = 0; i < 10; i++) burn(active, `caller-${i}`, 0, MAX_BURNED / 10);
  burn(active, "late", 0, 1);
  assert.ok(active.mayStart("u0", "caller-0"));
  assert.ok(!active.mayStart("u1", "caller-0"));
  assert.ok(!active.mayStart("u0", "late"));
});

test("who probes for ids by the thousand forgets his own, nobody else's", () => {
  const active = new ActiveCalls();
  burn(active, "cart", 0, 10);
  burn(active, "evil", 0, MAX_BURNED_PER_PRINCIPAL * 20);
  assert.ok(!active.mayStart("u0", "cart"));
  assert.ok(active.mayStart("u0", "evil"));
  assert.ok(!active.mayStart(`u${MAX_BURNED_PER_PRINCIPAL * 20 - 1}`, "evil"));
});

test("an id burned again takes no second place", () => {
  const active = new ActiveCalls();
  burn(active, "cart", 0, 1);
  for (let i = 0; i < MAX_BURNED; i++) burn(active, "web", 0, 1);
  for (let i = 1; i < 10; i++) burn(active, `caller-${i}`, 0, MAX_BURNED_PER_PRINCIPAL);
  assert.ok(!active.mayStart("u0", "cart"));
});

test("the last burned id of a principal that gives way to its own next one is still remembered", () => {
  const active = new ActiveCalls();
  burn(active, "cart", 0, 1);
  for (let i = 0; i < 10; i++) burn(active, `caller-${i}`, 0, MAX_BURNED_PER_PRINCIPAL);
  burn(active, "cart", 1, 1);
  assert.ok(!active.mayStart("u1", "cart"));
});

test("who asks for many loses his own burned ids, not another's", () => {
  const active = new ActiveCalls();
  active.probe("web", ["late"]);
  for (let n = 0; n < 2; n++)
    active.probe(
      "cart",
      Array.from({ length: MAX_BURNED }, (_, i) => `u${n}-${i}`),
    );
  assert.ok(!active.mayStart("late", "web"));
  assert.ok(active.mayStart("late", "cart"));
});

test("an id that runs for somebody else is told apart from one that runs", () => {
  const active = new ActiveCalls();
  active.start(call("a"));
  assert.deepEqual(
    [active.isOthers("a", "web"), active.isOthers("a", "cart"), active.isOthers("b", "web")],
    [true, false, false],
  );
});

test("idle at once, or when the last has ended", async () => {
  const active = new ActiveCalls();
  await active.whenIdle();
  const a = call("a");
  active.start(a);
  let idle = false;
  const waiting = active.whenIdle().then(() => (idle = true));
  await Promise.resolve();
  assert.ok(!idle);
  active.end(a);
  await waiting;
});
