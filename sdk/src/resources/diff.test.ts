import assert from "node:assert/strict";
import { it } from "node:test";
import type { MeshDocument } from "../contract/documents.ts";
import { diffDocuments, formatDiff } from "./diff.ts";
import { parseDocuments } from "./parse-yaml.ts";

function route(name: string, spec: string, metadata = ""): MeshDocument {
  const text = `apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: ${name}${metadata} }\nspec: { match: { service: a }, ${spec} }`;
  const { documents, problems } = parseDocuments(text, { file: "f" });
  assert.deepEqual(problems, []);
  return documents[0] as MeshDocument;
}

const before = [route("a", "destinations: [{ version: 1.x }]"), route("b", "timeoutMs: 5"), route("c", "timeoutMs: 1")];
const after = [
  route("d", ""),
  route("a", "destinations: [{ version: 1.x, weight: 90 }, { version: 2.x, weight: 10 }], retries: { on: [] }"),
  route("c", "timeoutMs: 1"),
];

it("finds what is added, removed and changed, field by field", () => {
  const changes = diffDocuments(before, after);
  assert.equal(
    formatDiff(changes),
    `~ Route/a
    ~ spec.destinations[0].weight: 1 -> 90
    + spec.destinations[1]: {"version":"2.x","weight":10}
    + spec.retries: {"attempts":2,"on":[],"backoff":{"exponential":{"baseMs":25,"capMs":250}},"budget":{"percent":20,"minPerSecond":10}}
- Route/b
+ Route/d`,
  );
  assert.deepEqual(changes[1], { document: "Route/b", change: "removed", before: before[1], fields: [] });
});

it("turns round when its sides do", () => {
  const [change] = diffDocuments(after, before);
  assert.deepEqual(change?.fields[0], { path: "spec.destinations[0].weight", before: 90, after: 1 });
  assert.deepEqual(Object.keys(change?.fields[1] ?? {}), ["path", "before"]);
});

it("finds nothing where the meaning is the same", () => {
  const one = route("a", "retries: { on: [gone, unavailable] }", ", createdAt: 2030-01-31T12:00:00Z");
  const other = route("a", "destinations: [{ weight: 1 }], retries: { attempts: 2, on: [unavailable, gone] }");
  assert.deepEqual(diffDocuments([one], [other]), []);
});

it("sees labels and sets as a whole", () => {
  const changes = diffDocuments(
    [route("a", "rewrite: { method: x }", ", labels: { team: a }")],
    [route("a", "rewrite: { method: y }", ", labels: { team: b }")],
  );
  assert.deepEqual(changes[0]?.fields, [
    { path: "metadata.labels.team", before: "a", after: "b" },
    { path: "spec.rewrite.method", before: "x", after: "y" },
  ]);
});
