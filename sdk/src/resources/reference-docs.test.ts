// The page is made by code: `node --conditions=@malla/source sdk/src/resources/reference-docs.test.ts --update` writes it.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { it } from "node:test";
import { kindDefinitions } from "./kinds.ts";
import { parseDocuments } from "./parse-yaml.ts";
import { renderReference } from "./reference-docs.ts";

const page = new URL("../../docs/resources.md", import.meta.url);
if (process.argv.includes("--update")) writeFileSync(page, renderReference());
const written = readFileSync(page, "utf8");

it("the page on resources says what the schema says (run this file with --update)", () => {
  assert.equal(written, renderReference());
});

it("every example on the page is valid", () => {
  const examples = [...written.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text as string);
  assert.equal(examples.length, kindDefinitions.length);
  for (const example of examples) {
    const { documents, problems } = parseDocuments(example, { file: "resources.md" });
    assert.deepEqual([documents.length, problems], [1, []]);
  }
});

it("every field of a kind stands on the page", () => {
  for (const field of [
    "match.headers.<name>.regex",
    "destinations[].weight",
    "retries.backoff.exponential.capMs",
    "rules[].methods",
  ]) {
    assert.ok(written.includes(`| \`${field}\` |`), field);
  }
});
