import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KINDS } from "../contract/documents.ts";
import { crdFor } from "./crd.ts";
import { jsonSchemaFor, type StructuralSchema } from "./json-schema.ts";
import { validateDocument } from "./validate.ts";

interface Place {
  readonly path: string;
  readonly schema: StructuralSchema;
}

function places(schema: StructuralSchema, path = "$"): Place[] {
  const children: [string, StructuralSchema | undefined][] = [
    ...Object.entries(schema.properties ?? {}).map(([name, child]): [string, StructuralSchema] => [
      `${path}.${name}`,
      child,
    ]),
    [`${path}[]`, schema.items],
    [`${path}.<name>`, schema.additionalProperties],
  ];
  return [{ path, schema }, ...children.flatMap(([at, child]) => (child === undefined ? [] : places(child, at)))];
}

function rootSchema(kind: (typeof KINDS)[number]): StructuralSchema {
  return crdFor(kind).spec.versions[0]?.schema.openAPIV3Schema as StructuralSchema;
}

/** Everything `apiextensions.k8s.io/v1` lets a structural schema say, and we use. */
const KEYWORDS = new Set(
  `type description default enum pattern format required properties additionalProperties items
  minLength maxLength minimum maximum minItems maxItems minProperties maxProperties x-kubernetes-validations
  x-kubernetes-list-type x-kubernetes-list-map-keys x-kubernetes-map-type`.split(/\s+/),
);

for (const kind of KINDS) {
  describe(`the definition of ${kind}`, () => {
    const all = places(rootSchema(kind));

    it("has a type everywhere and no word that is not structural", () => {
      for (const { path, schema } of all) {
        assert.match(schema.type ?? "none", /^(object|array|string|integer|boolean)$/, path);
        for (const keyword of Object.keys(schema)) assert.ok(KEYWORDS.has(keyword), `${path} has ${keyword}`);
      }
    });

    it("has properties or additionalProperties, never both, and items in each list", () => {
      for (const { path, schema } of all) {
        assert.ok(!(schema.properties && schema.additionalProperties), path);
        if (schema.type === "array") assert.ok(schema.items, path);
        if (schema.type === "object" && path !== "$.metadata")
          assert.ok(schema.properties ?? schema.additionalProperties, path);
        if (schema.type !== "object") assert.ok(!schema.properties && !schema.required, path);
      }
    });

    it("has a bound on everything, so that rules have a bounded cost", () => {
      for (const { path, schema } of all) {
        if (["$.apiVersion", "$.kind", "$.metadata"].includes(path)) continue;
        if (schema.type === "array") assert.ok(schema.maxItems, path);
        if (schema.additionalProperties) assert.ok(schema.maxProperties, path);
        if (schema.type === "string") assert.ok(schema.maxLength ?? schema.enum ?? schema.format, path);
        if (schema.type === "integer")
          assert.ok(schema.minimum !== undefined && (schema.maximum ?? schema.format), path);
      }
    });

    it("has patterns that RE2 knows too: whole value, no look-around, no back-references", () => {
      for (const { path, schema } of all) {
        if (schema.pattern === undefined) continue;
        assert.match(schema.pattern, /^\^.*\$$/, path);
        assert.doesNotMatch(schema.pattern, /\(\?[=!<]|\\[1-9k]/, path);
      }
    });

    it("requires fields that exist and have no default", () => {
      for (const { path, schema } of all) {
        for (const name of schema.required ?? []) {
          assert.ok(schema.properties?.[name], `${path}.${name}`);
          assert.equal(schema.properties[name].default, undefined, `${path}.${name}`);
        }
      }
    });

    it("has rules with a message and a field that exists", () => {
      const rules = all.flatMap(({ path, schema }) =>
        (schema["x-kubernetes-validations"] ?? []).map((rule) => ({ path, schema, rule })),
      );
      assert.ok(rules.length > 1);
      for (const { path, schema, rule } of rules) {
        assert.ok(rule.rule.includes("self") && rule.message.length > 0, path);
        if (rule.fieldPath !== undefined)
          assert.ok(schema.properties?.[rule.fieldPath.slice(1)], `${path}${rule.fieldPath}`);
      }
    });

    it("says what each field of the spec means", () => {
      for (const { path, schema } of all) {
        if (!path.startsWith("$.spec") || path.endsWith("[]") || path.endsWith("<name>")) continue;
        assert.match(schema.description ?? "", /\.$/, path);
      }
    });

    it("is named as its group and plural", () => {
      const { metadata, spec } = crdFor(kind);
      assert.equal(metadata.name, `${spec.names.plural}.malla.dev`);
      assert.equal(spec.names.plural, spec.names.plural.toLowerCase());
      assert.deepEqual(
        spec.versions.map(({ name }) => name),
        ["v1"],
      );
    });

    it("gives defaults that validation takes and gives too", () => {
      const spec = jsonSchemaFor(kind).properties?.spec as StructuralSchema;
      const least = kind === "Route" ? { match: { service: "a" } } : { service: "a" };
      for (const extra of [{}, { retries: {} }, { outlierDetection: {} }]) {
        const written = { apiVersion: "malla.dev/v1", kind, metadata: { name: "x" }, spec: { ...least, ...extra } };
        const { document } = validateDocument(written);
        if (document !== undefined) assert.deepEqual(document.spec, defaulted(spec, written.spec));
      }
    });
  });
}

/** What a Kubernetes API server makes of a value: the defaults of its schema, from the outside in. */
function defaulted(schema: StructuralSchema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => defaulted(schema.items as StructuralSchema, item));
  if (typeof value !== "object" || value === null) return value;
  const filled: Record<string, unknown> = { ...value };
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (filled[name] === undefined && field.default !== undefined) filled[name] = field.default;
    if (filled[name] !== undefined) filled[name] = defaulted(field, filled[name]);
  }
  return filled;
}
