import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { CLOSED_LABELS, DURATION_BUCKETS_SECONDS, type MetricRow, metricsCatalogue } from "./metrics-catalogue.ts";
import { refusalStages } from "./refusal-stages.ts";
import { attribute } from "./rpc-semantics.ts";

const docs = await readFile(new URL("../../docs/telemetry.md", import.meta.url), "utf8");
const rows: readonly MetricRow[] = Object.values(metricsCatalogue);

function tableAfter(heading: string): string[][] {
  const lines = docs.slice(docs.indexOf(heading)).split("\n");
  const from = lines.findIndex((line) => line.startsWith("|"));
  const to = lines.findIndex((line, i) => i > from && !line.startsWith("|"));
  return lines.slice(from + 2, to).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test("the table of metrics in the docs is the catalogue", () => {
  const want = rows.map((row) => [
    `\`${row.name}\``,
    row.type,
    row.labels.map((label) => `\`${label}\``).join(", "),
    row.help,
  ]);
  assert.deepEqual(tableAfter("## Metrics"), want);
  assert.ok(docs.includes(`Buckets of both histograms, in seconds: ${DURATION_BUCKETS_SECONDS.join(", ")}.`));
});

test("the table of stages in the docs is the closed list", () => {
  const want = Object.entries(refusalStages).map(([stage, what]) => [`\`${stage}\``, what]);
  assert.deepEqual(tableAfter("`stage` is one of these"), want);
});

test("the table of span attributes in the docs names every attribute", () => {
  const named = tableAfter("## Traces").flatMap((cells) =>
    [...(cells[0] ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1]),
  );
  assert.deepEqual(named.toSorted(), Object.values(attribute).toSorted());
});

test("names keep Prometheus's rules", () => {
  assert.equal(new Set(rows.map((row) => row.name)).size, rows.length);
  for (const row of rows) {
    assert.match(row.name, /^mesh_[a-z]+(_[a-z]+)*$/);
    assert.equal(row.name.endsWith("_total"), row.type === "counter", row.name);
    // An instant is a gauge in seconds since 1970.
    const isDuration = row.name.endsWith("_seconds") && !row.name.endsWith("_timestamp_seconds");
    assert.equal(isDuration, row.type === "histogram", row.name);
    for (const label of row.labels) assert.match(label, /^(?!le$|quantile$|job$|__)[a-z]+$/, `${row.name} ${label}`);
  }
});

test("every table with open labels has a closed list of the rest", () => {
  const open = new Set(rows.flatMap((row) => row.labels).filter((label) => !CLOSED_LABELS.has(label)));
  assert.deepEqual([...open].toSorted(), ["caller", "instance", "method", "service", "version"]);
});
