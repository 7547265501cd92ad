import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Results } from "./results.ts";
import { addTotals, writeTotals } from "./totals.ts";

test("the second run sums up both, and fails if the first did", async () => {
  const folder = await mkdtemp(join(tmpdir(), "malla-totals-"));
  try {
    const path = join(folder, "totals.json");
    const first = new Results();
    await addTotals(path, first);
    first.passed = 2;
    first.skip("no cluster");
    first.fail("unit: a", "1 !== 2");
    await writeTotals(path, first);
    const second = new Results();
    await addTotals(path, second);
    second.passed++;
    second.skip("no cluster");
    assert.ok(!second.succeeded);
    assert.match(second.print(), /1\) unit: a\n {3}1 !== 2\n[\s\S]* 2: no cluster\n\n3 passed, 1 failed, 2 skipped\n$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
