import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compileRegex, type LinearRegex } from "./linear-regex.ts";

function compiled(source: string): LinearRegex {
  const regex = compileRegex(source);
  if (typeof regex === "string") throw new Error(`${source}: ${regex}`);
  return regex;
}

/** The platform's own matcher, anchored at both ends. */
function reference(source: string): RegExp {
  return source.startsWith("(?i)") ? new RegExp(`^(?:${source.slice(4)})$`, "iu") : new RegExp(`^(?:${source})$`, "u");
}

const atom = fc.constantFrom(
  "a",
  "b",
  "c",
  "\\.",
  ".",
  "[ab]",
  "[^a]",
  "[a-b\\d]",
  "\\d",
  "\\W",
  "é",
  "😀",
  "[é-😀]",
  "\\x61",
  "[-a]",
);
const quantifier = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0}", "{1,}", "{0,3}", "*?");

/** Alternatives of short sequences, with groups of the same down to a depth. */
function expressionOf(depth: number): fc.Arbitrary<string> {
  const group =
    depth === 0 ? atom : expressionOf(depth - 1).chain((inner) => fc.constantFrom(`(?:${inner})`, `(${inner})`));
  const item = fc.tuple(fc.oneof(atom, group), quantifier).map(([inner, times]) => inner + times);
  const sequence = fc.array(item, { maxLength: 2 }).map((items) => items.join(""));
  return fc.array(sequence, { minLength: 1, maxLength: 2 }).map((options) => options.join("|"));
}

// Short, or the platform's matcher would go back and forth for minutes: that is why there is another.
const expression = fc.oneof(expressionOf(1), expressionOf(2));
const text = fc
  .array(fc.constantFrom("a", "b", "c", "1", ".", "-", "é", "😀", "A"), { maxLength: 6 })
  .map((parts) => parts.join(""));

describe("compileRegex", () => {
  it("matches whole texts as the platform's matcher does", () => {
    fc.assert(
      fc.property(expression, fc.array(text, { minLength: 1, maxLength: 8 }), (source, texts) => {
        const regex = compiled(source);
        const known = reference(source);
        for (const given of texts) {
          assert.equal(regex.matches(given), known.test(given), `${source} on ${given}`);
          if (regex.matches(given)) assert.ok(given.startsWith(regex.prefix));
        }
      }),
      { numRuns: 3_000 },
    );
  });

  const matching: readonly [source: string, yes: readonly string[], no: readonly string[]][] = [
    ["", [""], ["a"]],
    ["v[12]", ["v1", "v2"], ["v3", "v12", "xv1"]],
    ["^a|b$", ["a", "b"], ["ab", ""]],
    ["(?i)Beta-[a-c]", ["beta-A", "BETA-c"], ["beta-d"]],
    ["(?P<tenant>t\\d+)-x", ["t12-x"], ["t-x"]],
    ["(?i)[^a]", ["b", "B"], ["a", "A"]],
    ["\\$1\\{2\\}", ["$1{2}"], ["$1"]],
    ["[]a]+", ["]a]"], ["b"]],
    ["[\\]\\-]", ["]", "-"], ["\\"]],
    [".", ["a", "😀"], ["", "\n", "ab"]],
    ["(a*)*b", ["b", "aab"], ["aa"]],
  ];
  for (const [source, yes, no] of matching) {
    it(`reads ${JSON.stringify(source)}`, () => {
      const regex = compiled(source);
      for (const given of yes) assert.equal(regex.matches(given), true, given);
      for (const given of no) assert.equal(regex.matches(given), false, given);
    });
  }

  const refused: readonly [source: string, because: RegExp][] = [
    ["(a", /without its \)/],
    ["a)", /without its \(/],
    ["[a", /without its ]/],
    ["a\\", /ends with a backslash/],
    ["(?=a)b", /looks around/],
    ["(?<!a)b", /looks around/],
    ["(a)\\1", /refers back/],
    ["\\bword", /boundaries/],
    ["a^b", /\^ inside/],
    ["(a$)b", /\$ inside/],
    ["*a", /nothing before it/],
    ["a**", /repeats a repetition/],
    ["a{2,1}", /bounds rise/],
    ["a{1001}", /at most 1000/],
    ["a{x}", /begins no \{n\}/],
    ["(a{100}){100}", /too large/],
    ["((((){1000}){1000}){1000}){1000}", /too large/],
    ["[b-a]", /end is before its beginning/],
    ["[[:alpha:]]", /write a-zA-Z/],
    ["\\p{L}", /means nothing here/],
    ["\\x1", /two digits/],
    ["a".repeat(1_025), /longer than/],
    ["(".repeat(200) + ")".repeat(200), /nests groups deeper/],
  ];
  for (const [source, because] of refused) {
    it(`refuses ${JSON.stringify(source.slice(0, 40))}`, () => {
      const answer = compileRegex(source);
      assert.equal(typeof answer, "string");
      assert.match(answer as string, because);
    });
  }

  it("never throws, whatever it is given", () => {
    const pieces = fc.array(fc.constantFrom(..."()[]{}*+?|^$\\.-,:<>=!abdPix019", "\u{1f600}", "\ud800"), {
      maxLength: 24,
    });
    fc.assert(
      fc.property(pieces, text, (parts, given) => {
        const regex = compileRegex(parts.join(""));
        if (typeof regex !== "string") regex.matches(given);
      }),
      { numRuns: 3_000 },
    );
  });

  it("knows what every match begins with", () => {
    const sources = ["abc", "ab.*", "^a(?:bc)d*", "ab?", "a|ab", "(?i)ab", "(?i)1-b", "\\.é😀[x]y{2}", ""];
    assert.deepEqual(
      sources.map((source) => compiled(source).prefix),
      ["abc", "ab", "abc", "a", "", "", "1-", ".é😀x", ""],
    );
  });

  it("takes a time that grows with the text, where a backtracking matcher would not end", () => {
    const long = "a".repeat(60_000);
    const begun = performance.now();
    for (const source of ["(a+)+b", "(a|a)*b", "(a*)*b", "a*a*a*a*a*a*b", "(.*)(.*)(.*)[^a]"]) {
      assert.equal(compiled(source).matches(long), false);
    }
    assert.ok(performance.now() - begun < 2_000);
  });

  it("stays right when it forgets states, of which this expression has thousands", () => {
    const regex = compiled("(a|b)*a(a|b){12}");
    let seed = 7;
    for (let run = 0; run < 40; run++) {
      let given = "";
      for (let i = 0; i < 600; i++) {
        seed = (seed * 48_271) % 2_147_483_647;
        given += seed % 2 === 0 ? "a" : "b";
      }
      assert.equal(regex.matches(given), given.at(-13) === "a");
    }
  });
});
