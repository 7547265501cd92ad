import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { withSpelledOn } from "./bare-on.ts";
import { crdFor } from "./crd.ts";
import { parseDocuments } from "./parse-yaml.ts";
import { validateDocument } from "./validate.ts";

const TEXT = `apiVersion: malla.dev/v1
kind: Route
metadata: { name: orders }
spec: { match: { service: orders }, retries: { attempts: 1, on: [gone, deadline] } }
`;

test("a bare `on` means the same to whoever reads YAML as it was", () => {
  const [ours] = parseDocuments(TEXT, { file: "route.yaml" }).documents;
  const theirs = parse(TEXT, { version: "1.1" }) as object;
  assert.match(JSON.stringify(theirs), /"true":\["gone","deadline"\]/);
  assert.deepEqual(validateDocument(theirs).document, ours);
});

test("where the API server has put in the default of the other name, what was written counts", () => {
  const retries = { attempts: 1, on: ["unavailable"], true: ["gone"] };
  assert.deepEqual(withSpelledOn({ retries }), { retries: { attempts: 1, on: ["gone"] } });
});

test("what is wrong in it is told under its own name", () => {
  const { problems } = validateDocument(parse(TEXT.replace("gone", "nonsense"), { version: "1.1" }));
  assert.deepEqual(problems?.[0]?.path, ["spec", "retries", "on", 0]);
});

test("the API server takes both names, and gives the bare one no default", () => {
  for (const kind of ["Route", "ServicePolicy"] as const) {
    const { properties } = crdFor(kind).spec.versions[0]?.schema.openAPIV3Schema ?? {};
    const fields = properties?.["spec"]?.properties?.["retries"]?.properties ?? {};
    assert.deepEqual(fields["true"]?.items, fields["on"]?.items, kind);
    assert.equal(fields["true"]?.default, undefined);
  }
});
