import assert from "node:assert/strict";
import { it } from "node:test";
import { KINDS } from "../contract/documents.ts";
import { isKind, kindDefinition, kindDefinitions, kindWords, nearestKindWord, resolveKinds } from "./kinds.ts";
import { parseDocuments } from "./parse-yaml.ts";

it("knows the kinds of the contract, each under its own name", () => {
  assert.deepEqual(
    kindDefinitions.map(({ kind }) => kind),
    KINDS,
  );
  for (const kind of KINDS) assert.equal(kindDefinition(kind).kind, kind);
  assert.ok(!isKind("toString") && !isKind(undefined) && isKind("Route"));
});

it("resolves words of the command line", () => {
  const table: readonly [string, readonly string[] | undefined][] = [
    ["Route", ["Route"]],
    ["routes", ["Route"]],
    ["mrt", ["Route"]],
    ["SERVICEPOLICIES", ["ServicePolicy"]],
    ["accesspolicy", ["AccessPolicy"]],
    ["policies", ["ServicePolicy", "AccessPolicy"]],
    ["all", KINDS],
    ["rotues", undefined],
    ["", undefined],
  ];
  for (const [word, kinds] of table) assert.deepEqual(resolveKinds(word), kinds, word);
  assert.equal(nearestKindWord("rotues"), "routes");
  assert.equal(nearestKindWord("polices"), "policies");
  assert.equal(nearestKindWord("something"), undefined);
});

it("has no word that stands for two things", () => {
  const words = kindWords();
  assert.equal(new Set(words).size, words.length);
  for (const word of words) assert.ok(resolveKinds(word), word);
});

for (const { kind, example } of kindDefinitions) {
  it(`has a valid example of ${kind}`, () => {
    const { documents, problems } = parseDocuments(example, { file: kind });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      documents.map((document) => document.kind),
      [kind],
    );
  });
}
