// router/docs/failures.md says what is promised when something fails: every line names tests that exist, and the times are the code's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  GONE_AFTER_MS,
  MAX_PARKED_IN_DOUBT_MS,
  MAX_PARKED_MS,
  PEERS_RETURN_MS,
  PROBE_AFTER_MS,
  PROBE_EVERY_MS,
  PROBE_TICK_MS,
  SILENT_AFTER_MS,
} from "@malla/sdk/call";
import { EVICT_AFTER_MS } from "@malla/sdk/discovery";
import { findTest, ROOT } from "../harness/find-test.ts";
import { tableBelow, titlesIn } from "../harness/table-below.ts";

const page = readFileSync(join(ROOT, "router/docs/failures.md"), "utf8");

for (const heading of ["What the mesh promises", "What it does not promise", "The rules"])
  test(`${heading}: every line names tests, and each of them exists`, () => {
    const rows = tableBelow(page, heading);
    assert.ok(rows.length > 4);
    for (const row of rows) {
      const titles = titlesIn(row.at(-1) ?? "");
      const waits = row.some((cell) => cell.startsWith("waits for "));
      assert.ok(titles.length > 0 || waits, `no test: ${row[0]}`);
      for (const title of titles) assert.ok(findTest(title).length > 0, `there is no test ${JSON.stringify(title)}`);
    }
  });

test("the rules are all there", () => {
  assert.deepEqual(
    tableBelow(page, "The rules").map(([rule]) => Number.parseInt(rule ?? "", 10)),
    Array.from({ length: 14 }, (_, i) => i + 1),
  );
});

test("the times are those of the code", () => {
  const numbers = tableBelow(page, "Times").map(([, cell]) =>
    [...(cell ?? "").matchAll(/[\d,]+/g)].map(([digits]) => Number(digits.replaceAll(",", ""))),
  );
  assert.deepEqual(numbers, [
    [PROBE_AFTER_MS, PROBE_AFTER_MS + PROBE_TICK_MS, PROBE_EVERY_MS],
    [SILENT_AFTER_MS],
    [GONE_AFTER_MS],
    [PEERS_RETURN_MS],
    [90],
    [MAX_PARKED_MS, MAX_PARKED_IN_DOUBT_MS],
    [4_500],
    [EVICT_AFTER_MS],
    [3_000],
  ]);
});
