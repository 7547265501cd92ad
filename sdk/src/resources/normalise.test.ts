import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import type { MeshDocument } from "../contract/documents.ts";
import { arbitraryWritten } from "./arbitrary-document.test.fixture.ts";
import { kindDefinitions } from "./kinds.ts";
import { asWritten, canonicalBytes, contentHash, documentName, normaliseDocument, toYaml } from "./normalise.ts";
import { parseDocuments } from "./parse-yaml.ts";

function parsed(text: string): MeshDocument {
  const { documents, problems } = parseDocuments(text, { file: "f" });
  assert.deepEqual(problems, []);
  assert.equal(documents.length, 1);
  return documents[0] as MeshDocument;
}

function written(value: unknown): MeshDocument {
  return parsed(JSON.stringify(value));
}

describe("normal form", () => {
  it("is its own normal form", () => {
    fc.assert(
      fc.property(arbitraryWritten(), (value) => {
        const document = written(value);
        assert.deepEqual(normaliseDocument(document), document);
        assert.equal(JSON.stringify(normaliseDocument(document)), JSON.stringify(document));
      }),
    );
  });

  it("has one hash under any order of keys and sets, style and comments", () => {
    fc.assert(
      fc.property(arbitraryWritten(), fc.boolean(), (value, flow) => {
        const hash = contentHash(written(value));
        const text = stringify(reversed(value), {
          defaultStringType: flow ? "QUOTE_DOUBLE" : "PLAIN",
          collectionStyle: flow ? "flow" : "block",
        });
        assert.equal(contentHash(parsed(`# about it\n---\n${text}\n# the end`)), hash);
        assert.equal(contentHash(normaliseDocument(written(value))), hash);
      }),
    );
  });

  it("survives YAML and JSON", () => {
    fc.assert(
      fc.property(arbitraryWritten(), (value) => {
        const document = written(value);
        assert.deepEqual(parsed(toYaml(document)), document);
        assert.deepEqual(written(asWritten(document)), document);
        assert.deepEqual(written(JSON.parse(Buffer.from(canonicalBytes(document)).toString("utf8"))), document);
      }),
    );
  });

  it("tells meanings apart", () => {
    const base = "apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: x }\nspec: { match: { service: a }";
    const hashes = ["}", ", timeoutMs: 1 }", ", timeoutMs: 2 }", ", destinations: [{ weight: 2 }] }"].map((rest) =>
      contentHash(parsed(base + rest)),
    );
    assert.equal(new Set(hashes).size, hashes.length);
    assert.equal(contentHash(parsed(`${base}, destinations: [{}] }`)), hashes[0]);
  });

  it("is pinned: stored documents keep their keys", () => {
    const document = parsed(
      "apiVersion: malla.dev/v1\nkind: AccessPolicy\nmetadata: { name: x }\nspec: { service: a }",
    );
    const bytes =
      '{"apiVersion":"malla.dev/v1","kind":"AccessPolicy","metadata":{"name":"x"},"spec":{"action":"allow","mode":"enforce","rules":[],"service":"a"}}';
    assert.equal(Buffer.from(canonicalBytes(document)).toString("utf8"), bytes);
    assert.equal(contentHash(document), "7a6188353155d17da0f000136393ae3f8f0b59eb409a0b1d131d2ff27ffeda44");
  });

  it("keeps header names in lower case, sets sorted and instants in UTC", () => {
    const document = parsed(
      "apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: x, createdAt: 2030-01-31T13:00:00+01:00 }\n" +
        "spec: { match: { service: a, methods: [z, a], headers: { X-B: { present: true }, X-A: { present: true } } } }",
    );
    assert.equal(document.metadata.createdAt, "2030-01-31T12:00:00.000Z");
    assert.equal(
      JSON.stringify(document.kind === "Route" && document.spec.match),
      '{"service":"a","methods":["a","z"],"headers":{"x-a":{"present":true},"x-b":{"present":true}}}',
    );
  });

  it("refuses what is no valid document, and says why", () => {
    const document = {
      ...parsed(kindDefinitions[0]?.example as string),
      spec: { match: {} },
    } as unknown as MeshDocument;
    assert.throws(() => canonicalBytes(document), {
      name: "TypeError",
      message: /spec\.match set exactly one of service, subject/,
    });
  });

  it("quotes in YAML what YAML 1.1 would read as something else", () => {
    const document = parsed(
      'apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: "on" }\nspec: { match: { service: "no", headers: { x: { exact: "yes" } } }, retries: {} }',
    );
    const text = toYaml(document);
    for (const line of ['name: "on"', 'service: "no"', 'exact: "yes"', '"on":'])
      assert.ok(text.includes(line), `${line} in\n${text}`);
    assert.equal(documentName(document), "Route/on");
  });
});

/** The same meaning with every map and every list of words turned round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(reversed);
    return items.every((item) => typeof item === "string") ? items.reverse() : items;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, entry]) => [name, reversed(entry)]),
  );
}
