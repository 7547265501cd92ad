import assert from "node:assert/strict";
import { test } from "node:test";
import { compileRegex } from "@malla/sdk/engine";
import fc from "fast-check";
import { expandRegex, SOME } from "./expand-regex.ts";

const taken: readonly [string, readonly string[]][] = [
  ["list", ["list"]],
  ["^list$", ["list"]],
  ["get.*", ["get*"]],
  ["get\\w*?", ["get*"]],
  [".+", [SOME]],
  ["list|get", ["list", "get"]],
  ["(?:list|get)(All)?", ["list", "listAll", "get", "getAll"]],
  ["[gs]et[^/]*", ["get*", "set*"]],
  ["v[1-3]", ["v1", "v2", "v3"]],
  ["a\\.b\\/c", ["a.b/c"]],
  ["[A-Za-z0-9_]*", ["*"]],
  ["[\\w-]+", [SOME]],
  ["", [""]],
];
for (const [source, patterns] of taken) {
  test(`writes out ${source}`, () => assert.deepEqual(expandRegex(source), patterns));
}

const refused: readonly [string, RegExp][] = [
  ["get.", /exactly one of any/],
  ["[a-z]*", /only \.\* can be/],
  ["(ab)+", /only \.\+ can be/],
  ["a{2}", /counts repetitions/],
  ["(?i)list", /begins with \(\?/],
  ["(list", /does not end/],
  ["list)", /that nothing opens/],
  ["[ab", /does not end/],
  ["*", /nothing before it/],
  ["a^b", /anchor in the middle/],
  ["[^a]*", /leaves out/],
  ["[[:alpha:]]", /named set/],
  ["\\bget", /which patterns cannot say/],
  ["a\\", /ends in a backslash/],
  ["[z-a]", /range/],
  ["[a-z][a-z]", /more than 256/],
  [`${"(".repeat(40)}a${")".repeat(40)}`, /too deep/],
  ["a".repeat(1025), /more than 1024/],
  [SOME, /no method has/],
];
for (const [source, why] of refused) {
  test(`refuses ${source.slice(0, 20)}`, () => {
    const found = expandRegex(source);
    assert.match(typeof found === "string" ? found : JSON.stringify(found), why);
  });
}

test("never throws, and what it takes matches what the engine's own expressions match", () => {
  const part = fc.constantFrom(
    "a",
    "b",
    "Z",
    ".*",
    ".+",
    "(",
    "(?:",
    ")",
    "|",
    "?",
    "[ab]",
    "[^/]*",
    "\\w*",
    "\\d",
    "+",
    "^",
  );
  const source = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""));
  const method = fc.stringMatching(/^[ab][abZ09]{0,5}$/);
  fc.assert(
    fc.property(source, fc.array(method, { minLength: 5, maxLength: 20 }), (text, methods) => {
      const patterns = expandRegex(text);
      if (typeof patterns === "string") return;
      const regex = compileRegex(text.replace(/^\^/, "") || "(?:)");
      if (typeof regex === "string") return;
      const globs = patterns.map((pattern) => new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll(SOME, ".+")}$`));
      for (const name of methods) {
        const byPatterns = globs.some((glob) => glob.test(name));
        assert.equal(byPatterns, regex.matches(name), `${text} on ${name}`);
      }
    }),
    { numRuns: 3_000, seed: 7 },
  );
});
