// Metrics of several workers as one exposition: their texts read, joined sample by sample, and written again. A router writes the
// labels of a metric in one order, so a sample's own text up to its value is what it is known by.
import { type MetricRule, RULE_OF_COUNTS, ruleOf } from "./metric-rules.ts";

interface Family {
  readonly help: string;
  readonly type: string;
  readonly rule: MetricRule;
  /** By name and labels as written. */
  readonly samples: Map<string, number>;
}

/** By metric, in the order they were met. */
export type Families = Map<string, Family>;

/** Samples of one metric that are kept of workers that are gone. */
export const MAX_RETIRED_SAMPLES = 20_000;

/** Joins what a text says into `families`. Lines it cannot read are left out. */
export function addText(families: Families, text: string): void {
  let family: Family | undefined;
  let help = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("# HELP ")) help = line;
    else if (line.startsWith("# TYPE ")) family = familyOf(families, line, help);
    else if (family !== undefined && line !== "" && !line.startsWith("#")) addLine(family, line);
  }
}

/** Joins the counts of `from`, and nothing that was only true while its worker lived. */
export function addCounts(families: Families, from: Families): void {
  for (const [name, { help, type, rule, samples }] of from) {
    if (type === "gauge" || rule !== RULE_OF_COUNTS) continue;
    let family = families.get(name);
    if (family === undefined) {
      family = { help, type, rule, samples: new Map() };
      families.set(name, family);
    }
    for (const [key, value] of samples) {
      if (family.samples.has(key) || family.samples.size < MAX_RETIRED_SAMPLES) addSample(family, key, value);
    }
  }
}

export function formatFamilies(families: Families): string {
  const parts: string[] = [];
  for (const [name, { help, type, samples }] of families) {
    if (help !== "") parts.push(help);
    parts.push(`# TYPE ${name} ${type}`);
    for (const [key, value] of samples) parts.push(`${key} ${formatNumber(value)}`);
    parts.push("");
  }
  return `${parts.join("\n")}\n`;
}

function familyOf(families: Families, line: string, help: string): Family | undefined {
  const [name, type] = line.slice("# TYPE ".length).split(" ");
  if (name === undefined || type === undefined) return undefined;
  let family = families.get(name);
  if (family === undefined) {
    family = {
      help: help.startsWith(`# HELP ${name} `) ? help : "",
      type,
      rule: ruleOf(name, type),
      samples: new Map(),
    };
    families.set(name, family);
  }
  return family;
}

function addLine(family: Family, line: string): void {
  const end = line.lastIndexOf(" ");
  if (end > 0) addSample(family, line.slice(0, end), readNumber(line.slice(end + 1)));
}

function addSample({ rule, samples }: Family, key: string, value: number): void {
  const known = samples.get(key);
  samples.set(key, known === undefined || Number.isNaN(known) ? value : joined(rule, known, value));
}

function joined(rule: MetricRule, known: number, value: number): number {
  if (Number.isNaN(value)) return known;
  if (rule === "sum") return known + value;
  return rule === "max" ? Math.max(known, value) : Math.min(known, value);
}

function readNumber(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return Number.isNaN(value) ? "Nan" : String(value);
}
