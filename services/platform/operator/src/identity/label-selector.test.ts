import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSelector } from "./label-selector.ts";

const cases: readonly [string, Record<string, string> | undefined, boolean][] = [
  ["", undefined, true],
  ["malla.dev/mesh=true", { "malla.dev/mesh": "true" }, true],
  ["malla.dev/mesh=true", { "malla.dev/mesh": "false" }, false],
  ["malla.dev/mesh==true", undefined, false],
  ["tier!=test", undefined, true],
  ["tier!=test", { tier: "test" }, false],
  ["tier in (a, b)", { tier: "b" }, true],
  ["tier in (a, b)", { tier: "c" }, false],
  ["tier in (a)", undefined, false],
  ["tier notin (a,b)", { tier: "a" }, false],
  ["tier notin (a,b)", undefined, true],
  ["tier", { tier: "" }, true],
  ["!tier", { tier: "" }, false],
  ["!tier", {}, true],
  ["a=1, tier in (x,y),!z", { a: "1", tier: "x" }, true],
  ["a=1,tier in (x,y),!z", { a: "1", tier: "x", z: "" }, false],
];
for (const [text, labels, holds] of cases) {
  test(`${JSON.stringify(text)} ${holds ? "selects" : "leaves out"} ${JSON.stringify(labels)}`, () =>
    assert.equal(parseSelector(text)(labels), holds));
}

for (const text of ["a=b=c", "a in b", "a,,b", "=a", "a in (b", "a > 1", ","]) {
  test(`${JSON.stringify(text)} is none`, () =>
    assert.throws(() => parseSelector(text), /label selector: ".*" is none/));
}
