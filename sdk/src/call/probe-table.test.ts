import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_PROBES, ProbeTable } from "./probe-table.ts";

test("a probe is answered once", () => {
  const probes = new ProbeTable<string>();
  const probe = { id: "x", peer: "p", ids: ["a"], sentAtMs: 0 };
  probes.add(probe);
  assert.equal(probes.take("x"), probe);
  assert.equal(probes.take("x"), undefined);
});

test("a peer that leaves a probe unanswered is silent, and told once", () => {
  const probes = new ProbeTable<string>();
  probes.add({ id: "x", peer: "p", ids: ["a"], sentAtMs: 0 });
  probes.add({ id: "y", peer: "q", ids: ["b"], sentAtMs: 100 });
  const silent = (nowMs: number): string[] => [...probes.silent(nowMs)].map(({ peer }) => peer);
  assert.deepEqual(silent(499), []);
  assert.deepEqual(silent(500), ["p"]);
  assert.deepEqual(silent(550), []);
  assert.notEqual(probes.take("y"), undefined);
  assert.deepEqual(silent(1_000), []);
  assert.notEqual(probes.take("x"), undefined, "a late answer still counts");
});

test("what is not answered is forgotten after five seconds", () => {
  const probes = new ProbeTable<string>();
  probes.add({ id: "x", peer: "p", ids: [], sentAtMs: 0 });
  probes.add({ id: "y", peer: "p", ids: [], sentAtMs: 4_999 });
  probes.add({ id: "z", peer: "p", ids: [], sentAtMs: 5_000 });
  assert.equal(probes.take("x"), undefined);
  assert.notEqual(probes.take("y"), undefined);
});

test("a probe too many takes the place of the oldest", () => {
  const probes = new ProbeTable<string>();
  for (let i = 0; i <= MAX_PROBES; i++) probes.add({ id: `p${i}`, peer: "p", ids: [], sentAtMs: 0 });
  assert.equal(probes.take("p0"), undefined);
  assert.notEqual(probes.take("p1"), undefined);
  assert.notEqual(probes.take(`p${MAX_PROBES}`), undefined);
});
