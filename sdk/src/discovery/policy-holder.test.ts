import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteDocument } from "../contract/index.ts";
import { compileInSlices } from "../engine/index.ts";
import { LivePolicy } from "./policy-holder.ts";
import { SLICE_MS } from "./run-slice.ts";

const route = (service: string): RouteDocument => ({
  apiVersion: "malla.dev/v1",
  kind: "Route",
  metadata: { name: "r" },
  spec: { match: { service }, destinations: [{ weight: 1 }] },
});

test("before anything is known, nothing is loaded", () => {
  const policy = new LivePolicy();
  assert.deepEqual([policy.loaded, policy.current.revision], [false, 0]);
});

test("revisions only grow: an older or equal one changes nothing", async () => {
  const policy = new LivePolicy();
  assert.deepEqual(await policy.swap(3, [route("a")]), []);
  const held = policy.current;
  for (const revision of [3, 2, 1]) assert.equal(await policy.swap(revision, [route("b")]), undefined);
  assert.equal(policy.current, held);
  assert.notEqual(await policy.swap(4, [route("b")]), undefined);
  assert.ok(policy.current.services.has("b") && !policy.current.services.has("a"));
  assert.ok(held.services.has("a"), "whoever held the old one still does");
});

test("to know that there is none is to be loaded; it takes nothing away later", async () => {
  const policy = new LivePolicy();
  policy.loadEmpty();
  assert.ok(policy.loaded);
  await policy.swap(1, [route("a")]);
  policy.loadEmpty();
  assert.equal(policy.current.revision, 1);
});

test("a small policy is in force when it has been given", () => {
  const policy = new LivePolicy(pacing(0));
  void policy.swap(1, [route("a")]);
  assert.equal(policy.current.revision, 1);
});

/** A clock that goes on by so much each time it is read, and turns that the test gives. */
function pacing(stepMs: number) {
  let now = 0;
  const waiting: (() => void)[] = [];
  let pauses = 0;
  return {
    nowMs: () => (now += stepMs),
    pause: async () => {
      pauses++;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    },
    get pauses() {
      return pauses;
    },
    turn: async () => {
      for (const resume of waiting.splice(0)) resume();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const many = (count: number, on = "a"): RouteDocument[] =>
  Array.from({ length: count }, (_, i) => ({
    ...route(on),
    metadata: { name: `r${i}` },
    spec: { match: { service: on, methods: [`m${i}`, `n${i}*`] }, destinations: [{ weight: 1 }] },
  }));

test("a large one is compiled in pieces, and the one before is in force until all is done", async () => {
  const pace = pacing(1);
  const policy = new LivePolicy(pace);
  policy.loadEmpty();
  const swapped = policy.swap(2, many(500));
  let turns = 0;
  while (policy.current.revision !== 2) {
    assert.equal(policy.current.revision, 0);
    await pace.turn();
    turns++;
  }
  assert.deepEqual(await swapped, []);
  // Each reading of the clock is one step: so many steps a piece, and no step holds more than a document or a bucket.
  assert.ok(turns > 500 / SLICE_MS, `${turns} turns`);
  assert.equal(pace.pauses, turns);
});

test("one that is overtaken is left off, wherever it was", async () => {
  const pace = pacing(1);
  const policy = new LivePolicy(pace);
  const old = policy.swap(2, many(500));
  const same = policy.swap(2, many(500));
  assert.equal(await same, undefined);
  const newer = policy.swap(3, [route("b")]);
  while (policy.current.revision !== 3) await pace.turn();
  await pace.turn();
  assert.notEqual(await newer, undefined);
  assert.equal(await old, undefined);
  assert.equal(policy.current.revision, 3);
});

test("whatever compiles is cut into steps that stay short: no step grows with the number of documents", () => {
  const longest = (documents: readonly RouteDocument[]): { steps: number } => {
    const slices = compileInSlices(documents, 1);
    let steps = 0;
    while (slices.next().done !== true) steps++;
    return { steps };
  };
  const few = longest(many(100)).steps;
  const lots = longest(many(1_000)).steps;
  assert.ok(lots > few * 9, `${few} steps for 100 documents, ${lots} for 1,000`);
});
