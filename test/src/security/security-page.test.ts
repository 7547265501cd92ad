// SECURITY.md says what is promised: every line of it names a test, every such test exists, and the attacks are all there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findTest, ROOT } from "../harness/find-test.ts";
import { tableBelow, titlesIn } from "../harness/table-below.ts";
import { ATTACKS } from "./attack-list.ts";

const page = readFileSync(join(ROOT, "SECURITY.md"), "utf8");

test("every promise and every limit names tests, and each of them exists", () => {
  for (const heading of ["What the mesh promises", "What it does not promise"]) {
    const rows = tableBelow(page, heading);
    assert.ok(rows.length > 5, heading);
    for (const [line, tests] of rows) {
      const titles = titlesIn(tests ?? "");
      assert.ok(titles.length > 0, `no test: ${line}`);
      for (const title of titles)
        assert.ok(findTest(title).length > 0, `there is no test ${JSON.stringify(title)}: ${line}`);
    }
  }
});

test("the table of attacks is the list of attacks", () => {
  const want = ATTACKS.map(({ id, attack, tests, waitsFor }) => [
    id,
    attack,
    tests.map(({ title }) => `"${title}"`).join(", "),
    waitsFor,
  ]);
  assert.deepEqual(tableBelow(page, "The attacks"), want);
});
