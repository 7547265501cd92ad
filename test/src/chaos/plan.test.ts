import assert from "node:assert/strict";
import { test } from "node:test";
import { KILLS, TROUBLES } from "./faults.ts";
import { makePlan } from "./plan.ts";

const options = { durationMs: 60_000, kills: KILLS, troubles: TROUBLES };

test("a seed is a plan, and another seed another", () => {
  assert.deepEqual(makePlan({ seed: 7, ...options }), makePlan({ seed: 7, ...options }));
  assert.notDeepEqual(makePlan({ seed: 7, ...options }), makePlan({ seed: 8, ...options }));
});

test("there is a kill for every second, and every fault has its turn", () => {
  const { kills, troubles } = makePlan({ seed: 1, ...options });
  assert.equal(kills.length, 60);
  assert.deepEqual(new Set(kills.map(({ fault }) => fault)), new Set(KILLS));
  assert.deepEqual(new Set(troubles.map(({ fault }) => fault)), new Set(TROUBLES));
  for (const { chance } of [...kills, ...troubles]) assert.ok(chance >= 0 && chance < 1);
});

test("a lane without faults is empty", () => {
  assert.deepEqual(makePlan({ seed: 1, durationMs: 9_000, kills: [], troubles: [] }), { kills: [], troubles: [] });
});
