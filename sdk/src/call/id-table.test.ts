import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IdTable } from "./id-table.ts";

interface Entry {
  readonly id: string;
  readonly n: number;
}

test("property: it behaves as a Map does, in the order things came", () => {
  const step = fc.record({ id: fc.nat(300).map((n) => `id${n}`), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_500 }), (steps) => {
      const table = new IdTable<Entry>();
      const model = new Map<string, Entry>();
      for (const [n, { id, remove }] of steps.entries()) {
        if (remove) assert.equal(table.delete(id), model.delete(id));
        else {
          const entry = { id, n };
          table.add(entry);
          model.delete(id);
          model.set(id, entry);
        }
        assert.equal(table.size, model.size);
        assert.equal(table.get(id), model.get(id));
        assert.equal(table.has(`id${n % 300}`), model.has(`id${n % 300}`));
      }
      assert.deepEqual([...table.values()], [...model.values()]);
    }),
    { numRuns: 50 },
  );
});

test("while it is gone through entries may go and come: none is seen twice, none that stays is missed", () => {
  const table = new IdTable<Entry>();
  for (let n = 0; n < 10; n++) table.add({ id: `a${n}`, n });
  const seen: string[] = [];
  for (const { id, n } of table.values()) {
    seen.push(id);
    if (n === 2) {
      // Itself, one that was seen, one that is to come; and others in the places they leave.
      for (const gone of ["a2", "a1", "a4"]) table.delete(gone);
      for (let m = 10; m < 13; m++) table.add({ id: `a${m}`, n: m });
    }
  }
  assert.deepEqual(seen, ["a0", "a1", "a2", "a3", "a5", "a6", "a7", "a8", "a9", "a10", "a11", "a12"]);
});

test("an entry with an id that is there takes its place, as the newest", () => {
  const table = new IdTable<Entry>();
  table.add({ id: "a", n: 1 });
  table.add({ id: "b", n: 2 });
  table.add({ id: "a", n: 3 });
  assert.deepEqual(
    [...table.values()].map(({ n }) => n),
    [2, 3],
  );
});
