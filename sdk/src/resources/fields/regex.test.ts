import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { regexProblem } from "./regex.ts";

const taken = [
  "a",
  "a+",
  "a+b*",
  "[a-z()|+]+",
  "v[12]\\.x",
  "(?:ab)+",
  "(?:a|b)c",
  "(?:a|b){2}",
  "(?:a|b)?",
  "\\(a+\\)+",
  "\\d{3}",
  "a{2,}",
  "\\p{L}+",
  "a+?",
  "x(?:a+)",
];
const refused: readonly [string, RegExp][] = [
  ["(", /is not a regular expression: Unterminated group/],
  ["a)|(b", /is not a regular expression: Unmatched '\)'/],
  ["[", /is not a regular expression/],
  ["a{2,1}", /is not a regular expression/],
  ["(?=a)", /only \(\?: is supported/],
  ["(?!a)b", /only \(\?: is supported/],
  ["(?<=a)b", /only \(\?: is supported/],
  ["(?<name>a)", /only \(\?: is supported/],
  ["(a)\\1", /back-references/],
  ["a".repeat(257), /at most 256 characters/],
];

for (const source of taken) it(`takes ${source}`, () => assert.equal(regexProblem(source), undefined));
for (const [source, message] of refused) {
  it(`refuses ${source.slice(0, 20)}`, () => assert.match(regexProblem(source) ?? "", message));
}

it("never throws, and what it takes has no group that looks around", () => {
  const part = fc.constantFrom(
    "a",
    "(",
    "(?",
    "(?:",
    "(?=",
    "(?<",
    ")",
    "|",
    "*",
    "+",
    "?",
    "{2}",
    "[",
    "]",
    "\\",
    "^",
    "$",
    "1",
    "=",
  );
  const source = fc.array(part, { maxLength: 10 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(source, (text) => {
      if (regexProblem(text) !== undefined) return;
      // Escapes and classes made into letters, every (? must be a (?:.
      const bare = text.replace(/\\[\s\S]/g, "e").replace(/\[[^\]]*\]/g, "c");
      assert.doesNotMatch(bare, /\(\?(?!:)/, text);
    }),
    { numRuns: 3_000 },
  );
});
