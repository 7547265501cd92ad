// router/docs/limits.md says the bounds as the code has them, and all of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNone } from "./assert-none.ts";
import { isTest, readTracked, SOURCES } from "./source-tree.ts";

const PAGE = "router/docs/limits.md";
const ROW = /^\| [^|]+ \| `([\w/.-]+\.ts)` \| `([A-Z_]+)` \| ([^|]+) \| [^|]*\| [^|]*\|$/gm;
/** Where what comes from outside is kept or read. */
const AREAS =
  /^(sdk\/src\/(call|client|contract|discovery|engine|protobuf|resources|server|telemetry|connect-config)|router\/src|services\/platform)/;
const BOUND = /^export const ((?:DEFAULT_)?(?:MAX|KEEP|KEPT|SHED)_[A-Z_]+)\b/gm;
/** Bounds by their name that are none of what grows. */
const OTHERS: Readonly<Record<string, string>> = {
  DEFAULT_MAX_EJECTION_MS: "a setting of outlier detection",
  DEFAULT_MAX_PRIORITY: "a priority",
  MAX_CODE_POINT: "of Unicode",
  MAX_FREE_RETRIES: "of one call's retries; sdk/docs/policy-engine.md",
  MAX_FREE_LOSSES: "of one call's retries; sdk/docs/policy-engine.md",
  MAX_REPEAT: "of a pattern in a policy",
  MAX_SOURCE_LENGTH: "of a pattern in a policy",
};

interface Row {
  readonly file: string;
  readonly name: string;
  readonly value: number;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, ms: 1, "%": 1, KiB: 1024, MiB: 1024 * 1024 };

function readValue(text: string): number {
  const match = /^([\d,]+)(?: (ms|%|KiB|MiB))?$/.exec(text.trim());
  if (match === null) return Number.NaN;
  const [, digits = "", unit = ""] = match;
  const value = Number(digits.replaceAll(",", "")) * (UNITS[unit] as number);
  return unit === "%" ? value / 100 : value;
}

const rows: readonly Row[] = [...readTracked(PAGE).matchAll(ROW)].map(([, file, name, value]) => ({
  file: file as string,
  name: name as string,
  value: readValue(value as string),
}));

test(`${PAGE}: every row is one of a table`, () => {
  const lines = readTracked(PAGE)
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| bound |"));
  assert.equal(rows.length, lines.length, "a row that cannot be read");
});

test(`${PAGE}: every default is that of the constant`, async () => {
  const wrong: string[] = [];
  for (const { file, name, value } of rows) {
    const path = new URL(`../../../${file}`, import.meta.url).href;
    const exported = ((await import(path)) as Record<string, unknown>)[name];
    if (exported !== value) wrong.push(`${file}: ${name} is ${String(exported)}, the page says ${value}`);
  }
  assertNone("say what the code says", wrong);
});

test(`${PAGE}: every bound in the code has its row`, () => {
  const named = new Set(rows.map(({ file, name }) => `${file} ${name}`));
  const found = SOURCES.filter(({ path }) => AREAS.test(path) && !isTest(path)).flatMap(({ path, text }) =>
    [...text.matchAll(BOUND)].map(([, name]) => ({ path, name: name as string })),
  );
  const missing = found.filter(({ path, name }) => !named.has(`${path} ${name}`) && OTHERS[name] === undefined);
  assertNone(
    "add a row, or say why it is none",
    missing.map(({ path, name }) => `${path}: ${name}`),
  );
  assertNone(
    "excused and not there",
    Object.keys(OTHERS).filter((name) => !found.some((one) => one.name === name)),
  );
});
