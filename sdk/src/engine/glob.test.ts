import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compileGlob, compileNames, globMatches, nameSetHas } from "./glob.ts";

describe("globMatches", () => {
  it("lets a star stand for any characters, none included", () => {
    const pattern = fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 7 }).map((parts) => parts.join(""));
    const text = fc.array(fc.constantFrom("a", "b"), { maxLength: 8 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(pattern, text, (given, name) => {
        const want = new RegExp(`^${given.replaceAll("*", "[^]*")}$`, "u").test(name);
        assert.equal(globMatches(compileGlob(given), name), want);
      }),
      { numRuns: 5_000 },
    );
  });

  it("does not use one character for two parts", () => {
    assert.equal(globMatches(compileGlob("ab*ba"), "aba"), false);
    assert.equal(globMatches(compileGlob("a*b*b"), "ab"), false);
  });

  it("counts the characters that are not stars", () => {
    assert.equal(compileGlob("g*t*").literalCount, 2);
    assert.equal(compileGlob("get").literalCount, 3);
  });
});

describe("nameSetHas", () => {
  it("knows exact names and patterns", () => {
    const names = compileNames(["web", "cron-*"]);
    assert.deepEqual(
      ["web", "cron-1", "cron", "webb", "*"].map((name) => nameSetHas(names, name)),
      [true, true, false, false, false],
    );
  });
});
