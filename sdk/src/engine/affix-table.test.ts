import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { buildAffixTable, longestAffix } from "./affix-table.ts";
import { finish } from "./slices.ts";

const word = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 5 }).map((parts) => parts.join(""));

describe("longestAffix", () => {
  for (const side of ["prefix", "suffix"] as const) {
    it(`finds every ${side} and nothing else, longest first`, () => {
      fc.assert(
        fc.property(fc.uniqueArray(word, { maxLength: 20 }), word, (affixes, text) => {
          const table = finish(buildAffixTable(side, new Map(affixes.map((affix) => [affix, affix]))));
          const found: string[] = [];
          for (let at = longestAffix(table, text); at !== undefined; at = at.shorter) found.push(at.value);
          const want = affixes.filter((affix) => (side === "prefix" ? text.startsWith(affix) : text.endsWith(affix)));
          assert.deepEqual(
            found,
            want.sort((a, b) => b.length - a.length),
          );
        }),
        { numRuns: 3_000 },
      );
    });
  }
});
