// The scanner these rules stand on: were it blind, every rule would hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findCycles } from "./find-cycles.ts";
import { readImports } from "./imports.ts";
import { maskText } from "./source-text.ts";
import { SOURCES } from "./source-tree.ts";

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: templates are what is masked
const masked: readonly (readonly [string, string])[] = [
  [`a; // process.env`, `a;               `],
  [`a /* b\n c */ d`, `a     \n      d`],
  [`f("x // y", 'z')`, `f("      ", ' ')`],
  [`f("a\\"b", c)`, `f("    ", c)`],
  ["`a${b}c${`d${e}`}f`", "` ${b} ${` ${e}`} `"],
  ["`${{ a: 1 }.a}` + b", "`${{ a: 1 }.a}` + b"],
  ["`\\`${a}` + b", "`  ${a}` + b"],
  [`x = /["'\`]/g; y`, `x = /      g; y`.replace("      ", "     /")],
  [`a / b / c`, `a / b / c`],
  [`return /[/"]/.test(a)`, `return /    /.test(a)`],
  [`(a) / "b"`, `(a) / " "`],
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above

for (const [text, want] of masked) {
  test(`masks ${JSON.stringify(text)}`, () => assert.equal(maskText(text), want));
}

const imported: readonly (readonly [string, string])[] = [
  [`import { a } from "x";`, "x"],
  [`import a, { type b } from 'x';`, "x"],
  [`import * as a from "./x.ts";`, "./x.ts"],
  [`import {\n  a,\n  b,\n} from "x";`, "x"],
  [`import "x";`, "x"],
  [`export * from "x";`, "x"],
  [`export { a as b } from "x";`, "x"],
  [`import type { a } from "x";`, "type x"],
  [`export type { a } from "x";`, "type x"],
  [`import { type a } from "x";`, "x"],
  [`import type from "x";`, "x"],
  [`const a = await import("x");`, "lazy x"],
  [`// import { a } from "x";`, ""],
  ["`\nimport { a } from 'x';\n`", ""],
  [`const from = "x"; export const a = from;`, ""],
  [`export function a() {\n  return b.from("x");\n}`, ""],
  [`export type A = { from: "x" };`, ""],
  [`import { a } from "x";\nimport { b } from "y";`, "x, y"],
];

for (const [text, want] of imported) {
  test(`finds in ${JSON.stringify(text)}: ${want === "" ? "nothing" : want}`, () => {
    const found = readImports(text).map(({ specifier, typeOnly, lazy }) =>
      [typeOnly ? "type " : "", lazy ? "lazy " : "", specifier].join(""),
    );
    assert.equal(found.join(", "), want);
  });
}

test("every line that looks like an import to a plain search is found", () => {
  for (const { path, text, imports } of SOURCES) {
    const plain = [...text.matchAll(/^(?:import|export)\b[^;"'`()=]*?\bfrom "([^"\n]+)";$/gm)].map(
      ([, specifier]) => specifier,
    );
    const found = imports.map(({ specifier }) => specifier);
    const missed = plain.filter((specifier) => !found.includes(specifier as string));
    // Text of generated files stands in templates of tests and printers.
    if (missed.length > 0) assert.match(text, /`[^`]*\bfrom "/, `${path}: ${missed.join(", ")}`);
  }
});

test("the product is looked at", () => {
  for (const file of ["sdk/src/index.ts", "router/src/pipeline.ts", "broker-config/src/grants.ts"]) {
    assert.ok(
      SOURCES.some(({ path, imports }) => path === file && imports.length > 0),
      file,
    );
  }
});

test("finds cycles", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["a", "d"]],
    ["d", []],
    ["e", ["e"]],
  ]);
  assert.deepEqual(
    findCycles(graph).map((group) => [...group].sort()),
    [["a", "b", "c"], ["e"]],
  );
});
