import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { PolicySnapshot } from "@malla/sdk/discovery";
import { instancesOf } from "./document-instances.ts";
import { planChange } from "./policy-change.ts";
import { readDocuments, toStored } from "./read-documents.ts";
import type { FoundInstance } from "./survey.ts";

const folder = mkdtempSync(join(tmpdir(), "malla-policy-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function route(name: string, destinations: string, match = "service: catalog"): string {
  return `apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: ${name} }\nspec:\n  match: { ${match} }\n  destinations:\n${destinations}\n`;
}

const NOW = "2030-01-01T00:00:00.000Z";
const LATER = "2030-02-02T00:00:00.000Z";
const nothing: PolicySnapshot = { signed: undefined, documents: [], keyRevision: 0 };

async function applied(path: string): Promise<PolicySnapshot> {
  const { put } = planChange(nothing, await readDocuments([path]), NOW);
  return { ...nothing, documents: put.map(toStored) };
}

test("a plan says what is created, changed and unchanged, and keeps the age of what was there", async () => {
  const base = await applied(
    file("one.yaml", `${route("a", "    - { weight: 1 }")}---\n${route("b", "    - { weight: 1 }", "service: cart")}`),
  );
  const next = file(
    "two.yaml",
    `${route("a", "    - { version: 1.x }")}---\n${route("b", "    - { weight: 1 }", "service: cart")}---\n${route("c", "    - { weight: 1 }", "service: x")}`,
  );
  const { changes, put } = planChange(base, await readDocuments([next]), LATER);
  assert.deepEqual(
    changes.map(({ document, change }) => [document, change]),
    [
      ["Route/a", "changed"],
      ["Route/c", "added"],
    ],
  );
  assert.deepEqual(
    put.map(({ metadata }) => metadata.createdAt),
    [NOW, NOW, LATER],
  );
});

test("a problem of a file, of two files together, and of the engine all name file, line and column", async () => {
  const wrong = file("wrong.yaml", route("a", "    - { versoin: 1.x }"));
  await assert.rejects(readDocuments([wrong]), {
    exitCode: 1,
    message: /wrong\.yaml:7:9: Route\/a spec\.destinations\[0\]\.versoin: .*\nnothing was applied$/s,
  });
  const twice = file("twice.yaml", route("a", "    - { weight: 1 }"));
  await assert.rejects(readDocuments([twice, file("again.yaml", route("a", "    - { weight: 2 }"))]), {
    message: /again\.yaml:3:19: Route\/a is at .*twice\.yaml:1:1 already/,
  });
  const elsewhere = file(
    "elsewhere.yaml",
    route("a", "    - { weight: 1 }").replace("name: a", "name: a, namespace: other"),
  );
  await assert.rejects(readDocuments([elsewhere]), {
    message: /elsewhere\.yaml:3:\d+: Route\/a metadata\.namespace: is other/,
  });
});

test("folders give their files in order; what is not there is misuse", async () => {
  const names = (await readDocuments([twiceOnly()])).map(({ document }) => document.metadata.name);
  assert.deepEqual(names, ["p", "q"]);
  await assert.rejects(readDocuments([join(folder, "missing.yaml")]), {
    exitCode: 2,
    message: /there is no such file or folder/,
  });
  await assert.rejects(readDocuments([]), { exitCode: 2 });
  await assert.rejects(readDocuments([file("empty.yaml", "# nothing\n")]), {
    exitCode: 1,
    message: /there is no document/,
  });
});

function twiceOnly(): string {
  const own = mkdtempSync(join(folder, "folder-"));
  writeFileSync(join(own, "2.yml"), route("q", "    - { weight: 1 }"));
  writeFileSync(join(own, "1.yaml"), route("p", "    - { weight: 1 }"));
  writeFileSync(join(own, "notes.txt"), "not a document");
  return own;
}

test("a Route's instances are those the engine would choose from", async () => {
  const instance = (service: string, id: string, version: string, tags = {}): FoundInstance => ({
    service,
    id,
    version,
    tags,
    kind: "sdk",
    phase: "serving",
    methods: [],
    inFlight: 0,
    requests: 0,
    errors: 0,
  });
  const instances = [
    instance("catalog", "a", "1.4.0"),
    instance("catalog", "b", "2.0.0"),
    instance("catalog", "c", "2.1.0", { zone: "x" }),
    instance("cart", "d", "1.0.0"),
  ];
  const text = route(
    "r",
    "    - { version: 1.x, weight: 90 }\n    - { version: 2.x, tags: { zone: x }, weight: 5 }\n    - { service: cart, weight: 5 }",
    'service: catalog, methods: [list], headers: { x-beta: { exact: "yes" } }',
  );
  const [read] = await readDocuments([file("route.yaml", text)]);
  assert.ok(read !== undefined);
  assert.deepEqual(
    instancesOf(read.document, instances).map(({ label, instances: own }) => [label, own.map(({ id }) => id)]),
    [
      ["catalog 1.x (90 %)", ["a"]],
      ["catalog 2.x zone=x (5 %)", ["c"]],
      ["cart (5 %)", ["d"]],
    ],
  );
  const [subject] = await readDocuments([file("subject.yaml", route("s", "    - { weight: 1 }", 'subject: "*.list"'))]);
  assert.ok(subject !== undefined);
  assert.deepEqual(
    instancesOf(subject.document, instances).map(({ label, instances: own }) => [label, own.length]),
    [["any service (100 %)", 4]],
  );
});
