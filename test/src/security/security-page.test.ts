// SECURITY.md says what is promised: every line of it names a test, every such test exists, and the attacks are all there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findTest, ROOT } from "../harness/find-test.ts";
import { ATTACKS } from "./attack-list.ts";

const page = readFileSync(join(ROOT, "SECURITY.md"), "utf8");

/** Cells of the table below a heading, without its head. */
function tableBelow(heading: string): readonly (readonly string[])[] {
  const lines = page.slice(page.indexOf(`## ${heading}`)).split("\n");
  const from = lines.findIndex((line) => line.startsWith("|"));
  const to = lines.findIndex((line, i) => i > from && !line.startsWith("|"));
  return lines.slice(from + 2, to < 0 ? undefined : to).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function titlesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/"([^"]+)"/g)].map(([, title]) => title as string);
}

test("every promise and every limit names tests, and each of them exists", () => {
  for (const heading of ["What the mesh promises", "What it does not promise"]) {
    const rows = tableBelow(heading);
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
  assert.deepEqual(tableBelow("The attacks"), want);
});
