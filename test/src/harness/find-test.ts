// Titles of tests, as they stand in the sources: what a page claims to be tested is looked for here.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

const FILES = [
  "{sdk,broker-config,router}/src/**/*.test.ts",
  "services/*/{,*/}src/**/*.test.ts",
  "test/src/**/*.test.ts",
];
/** `test("…"`, `describe("…"`, and the titles of a table of cases: a text in double quotes or backquotes, or in single ones. */
const TITLE = /\b(?:test|describe|it)(?:\.\w+)?\(\s*(?:"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`|'((?:[^'\\]|\\.)*)')/g;

let titles: Map<string, string[]> | undefined;

/** Files, from the root of the checkout, in which a test or a group of tests has this title. */
export function findTest(title: string): readonly string[] {
  titles ??= readTitles();
  return titles.get(title) ?? [];
}

function readTitles(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of FILES.flatMap((glob) =>
    globSync(glob, { cwd: ROOT, exclude: ["**/node_modules/**", "**/dist/**"] }),
  )) {
    for (const [, double, back, single] of readFileSync(join(ROOT, file), "utf8").matchAll(TITLE)) {
      const title = (double ?? back ?? single ?? "").replace(/\\(.)/g, "$1");
      found.set(title, [...(found.get(title) ?? []), file]);
    }
  }
  return found;
}
