import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as names from "../names.ts";
import { Refusals } from "./refusals.ts";
import { NO_FILTER } from "./rule-parts.ts";
import { CONDITIONS } from "./translate-http-route.ts";

const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
const gateway = page("gateway-api.md");

test("docs/gateway-api.md names every filter that is refused, and every code with its conditions", () => {
  for (const filter of Object.keys(NO_FILTER)) assert.ok(gateway.includes(`\`${filter}\``), filter);
  for (const [code, conditions] of Object.entries(CONDITIONS)) {
    const said = `${code} ${conditions.map((condition) => `\`${condition}\``).join(" and ")}`;
    assert.ok(gateway.includes(said), said);
  }
});

test("the pages name every annotation that people write", () => {
  const both = gateway + page("identity.md");
  const written = Object.entries(names).filter(([name]) => name.endsWith("_ANNOTATION"));
  const elsewhere = new Set(["OWNER_ANNOTATION", "TAKE_OVER_ANNOTATION"]);
  for (const [name, annotation] of written)
    if (!elsewhere.has(name)) assert.ok(both.includes(String(annotation)), `${name}: ${String(annotation)}`);
});

test("what is collected of a rule keeps its place and its order", () => {
  const refusals = new Refusals();
  refusals.map({ a: 1, b: null, c: 2 }, "rules[0]", new Set(["a"]));
  refusals.count(1.5, "rules[0].a", 0, 1000);
  assert.deepEqual(refusals.messages, [
    "rules[0].c: is not supported by the mesh",
    "rules[0].a: must be a whole number from 0 to 1,000, is 1.5",
  ]);
});
