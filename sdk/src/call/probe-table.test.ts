import assert from "node:assert/strict";
import { test } from "node:test";
import { ProbeTable } from "./probe-table.ts";

test("a probe is answered once", () => {
  const probes = new ProbeTable<string>();
  const probe = { id: "x", peer: "p", ids: ["a"], sentAtMs: 0 };
  probes.add(probe);
  assert.equal(probes.take("x"), probe);
  assert.equal(probes.take("x"), undefined);
});

test("what is not answered is forgotten after five seconds", () => {
  const probes = new ProbeTable<string>();
  probes.add({ id: "x", peer: "p", ids: [], sentAtMs: 0 });
  probes.add({ id: "y", peer: "p", ids: [], sentAtMs: 4_999 });
  probes.add({ id: "z", peer: "p", ids: [], sentAtMs: 5_000 });
  assert.equal(probes.take("x"), undefined);
  assert.notEqual(probes.take("y"), undefined);
});
