import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createPrometheus } from "@malla/sdk/telemetry";
import { GAUGE_RULES, type MetricRule } from "./metric-rules.ts";
import { addCounts, addText, type Families, formatFamilies } from "./metric-samples.ts";

const page = await readFile(new URL("../../docs/workers.md", import.meta.url), "utf8");

function joined(...texts: readonly string[]): string {
  const families: Families = new Map();
  for (const text of texts) addText(families, text);
  return formatFamilies(families);
}

function value(text: string, sample: string): number {
  const line =
    text.split("\n").find((each) => each.startsWith(`${sample} `)) ?? assert.fail(`no ${sample} in\n${text}`);
  return Number(line.slice(sample.length + 1));
}

test("what one router says is what it said", async () => {
  const prometheus = createPrometheus();
  prometheus.callStarted("router", 'a "quoted" service');
  prometheus.configRevision(7);
  const text = await prometheus.metrics();
  const families: Families = new Map();
  addText(families, text);
  const again: Families = new Map();
  addText(again, formatFamilies(families));
  assert.deepEqual(again, families);
  assert.ok(families.size > 20);
  assert.equal(value(joined(text), "mesh_config_revision"), 7);
  const lines = (all: string): string[] => all.split("\n").filter((line) => line !== "" && !line.endsWith("Nan"));
  assert.deepEqual(lines(joined(text)).toSorted(), lines(text).toSorted());
});

test("counters and histograms are summed, sample by sample; who has a sample alone keeps it", () => {
  const text = (calls: number, more = ""): string =>
    `# HELP a_total A.\n# TYPE a_total counter\na_total{x="1"} ${calls}\n${more}\n# HELP b B.\n# TYPE b histogram\nb_bucket{le="0.5"} ${calls}\nb_bucket{le="+Inf"} ${calls + 1}\nb_sum 0.5\nb_count ${calls + 1}\n`;
  const whole = joined(text(2), text(5, 'a_total{x="2"} 9'));
  assert.equal(value(whole, 'a_total{x="1"}'), 7);
  assert.equal(value(whole, 'a_total{x="2"}'), 9);
  assert.equal(value(whole, 'b_bucket{le="0.5"}'), 7);
  assert.equal(value(whole, 'b_bucket{le="+Inf"}'), 9);
  assert.equal(value(whole, "b_sum"), 1);
  assert.equal(value(whole, "b_count"), 9);
});

test("every gauge by its rule, one without a rule at its largest, and NaN is nothing", () => {
  const gauge = (name: string, at: string): string => `# HELP ${name} G.\n# TYPE ${name} gauge\n${name} ${at}\n`;
  const want: Readonly<Record<MetricRule, number>> = { sum: 9, max: 6, min: 3 };
  for (const [name, rule] of Object.entries({ ...GAUGE_RULES, unheard_of: "max" as const }))
    assert.equal(value(joined(gauge(name, "3"), gauge(name, "6")), name), want[rule], name);
  assert.equal(value(joined(gauge("x", "Nan"), gauge("x", "2"), gauge("x", "Nan")), "x"), 2);
  assert.match(joined(gauge("x", "+Inf")), /^x \+Inf$/m);
});

test("every gauge a router has is named by a rule, and the page says the same", async () => {
  const text = await createPrometheus().metrics();
  const gauges = [...text.matchAll(/^# TYPE (\S+) gauge$/gm)].map(([, name]) => name as string);
  assert.deepEqual(
    gauges.filter((name) => GAUGE_RULES[name] === undefined),
    [],
  );
  const rows = [...page.matchAll(/^\| (.+) \| (sum|max|min) \|/gm)].flatMap(([, names, rule]) =>
    [...(names as string).matchAll(/`([a-z_0-9]+)`/g)].map(([, name]): [string, string] => [
      name as string,
      rule as string,
    ]),
  );
  assert.deepEqual(Object.fromEntries(rows), GAUGE_RULES);
});

test("of a worker that is gone the counts stay and what was true while it lived does not", () => {
  const retired: Families = new Map();
  const one: Families = new Map();
  addText(one, "# TYPE a_total counter\na_total 3\n# TYPE g gauge\ng 5\n");
  addCounts(retired, one);
  addCounts(retired, one);
  const text = formatFamilies(retired);
  assert.equal(value(text, "a_total"), 6);
  assert.doesNotMatch(text, /g 5/);
});
