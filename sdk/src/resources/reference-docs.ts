// The reference page of the resources, made from the one schema; `sdk/docs/resources.md` is tested equal to it.
import { API_VERSION, KINDS } from "../contract/documents.ts";
import { jsonSchemaFor, type StructuralSchema } from "./json-schema.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { kindDefinition, kindDefinitions } from "./kinds.ts";

/** The whole page as Markdown. */
export function renderReference(): string {
  const sections = KINDS.map((kind) => renderKind(kindDefinition(kind)));
  return `${[INTRODUCTION, renderOverview(), renderMetadata(), ...sections].join("\n\n")}\n`;
}

const INTRODUCTION = `# Resources

What the mesh is told, as YAML or JSON of \`apiVersion: ${API_VERSION}\`. The same file works for \`malla apply -f\` and
\`kubectl apply -f\`. This page is made from the schema that checks the files; do not edit it by hand.

Fields that are not known are errors. A document with an error is refused whole, with line, path and reason. Durations
are whole milliseconds, and their names end in \`Ms\`. \`[]\` stands for each entry of a list, \`<name>\` for any name.
Lists of words are sets: an entry may stand once, and their order has no meaning. Text that looks like a number or like
\`true\` is put in quotes: \`exact: "1"\`, \`version: "1.10"\`. kubectl reads \`yes\`, \`no\`, \`on\` and \`off\` as truth values; a
field called \`on\` is taken all the same.`;

function renderOverview(): string {
  const rows = kindDefinitions.map(
    ({ kind, plural, shortNames, groups, summary }) =>
      `| [\`${kind}\`](#${kind.toLowerCase()}) | \`${plural}\`, ${[...shortNames, ...groups].map(code).join(", ")} | ${summary} |`,
  );
  return ["| kind | in `malla get` | says |", "|---|---|---|", ...rows].join("\n");
}

function renderMetadata(): string {
  const metadata = jsonSchemaFor("Route").properties?.metadata as StructuralSchema;
  const note =
    "What Kubernetes keeps in a document for itself (`status`, `metadata.uid`, `resourceVersion`, `managedFields` and\n" +
    "the like) is let through and dropped.";
  return `## metadata\n\n${fieldTable(metadata)}\n\n${note}`;
}

function renderKind({ kind, summary, example }: KindDefinition<(typeof KINDS)[number]>): string {
  const spec = jsonSchemaFor(kind).properties?.spec as StructuralSchema;
  const rules = rulesOf(spec, "spec").map(({ path, message }) => `- \`${path}\`: ${message}`);
  const checks = rules.length === 0 ? [] : ["Besides:", rules.join("\n")];
  return [`## ${kind}`, summary, `\`\`\`yaml\n${example}\`\`\``, fieldTable(spec), ...checks].join("\n\n");
}

interface Row {
  readonly path: string;
  readonly required: boolean;
  readonly schema: StructuralSchema;
}

function fieldTable(schema: StructuralSchema): string {
  const rows = rowsOf(schema, "").map(({ path, required, schema: field }) =>
    [
      "",
      ` \`${path}\` `,
      ` ${typeOf(field)} `,
      ` ${defaultOf(field, required)} `,
      ` ${field.description ?? ""} `,
      "",
    ].join("|"),
  );
  return ["| field | type | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** Every field below a schema, parents before their children. */
function rowsOf(schema: StructuralSchema, prefix: string): Row[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    return [{ path, required: schema.required?.includes(name) ?? false, schema: field }, ...rowsOf(field, path)];
  });
  const items = schema.items === undefined ? [] : rowsOf(schema.items, `${prefix}[]`);
  const values =
    schema.additionalProperties === undefined ? [] : rowsOf(schema.additionalProperties, `${prefix}.<name>`);
  return [...own, ...items, ...values];
}

function typeOf(schema: StructuralSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((word) => code(String(word))).join(", ");
  switch (schema.type) {
    case "integer":
      return `whole number, ${grouped(schema.minimum)} to ${grouped(schema.maximum)}`;
    case "boolean":
      return "`true`, `false`";
    case "array":
      return `list of ${schema.items?.type === "object" ? "maps" : plural(schema.items)}, ${schema.minItems ?? 0} to ${schema.maxItems}`;
    case "object":
      return schema.additionalProperties === undefined ? "map" : `map of names, 1 to ${schema.maxProperties}`;
    default:
      return schema.format === "date-time" ? "instant" : "text";
  }
}

function plural(item: StructuralSchema | undefined): string {
  return item?.enum === undefined ? "words" : item.enum.map((word) => code(String(word))).join(", ");
}

function grouped(bound: number | undefined): string {
  return (bound ?? 0).toLocaleString("en-US");
}

function defaultOf(schema: StructuralSchema, required: boolean): string {
  if (schema.default !== undefined) return code(flow(schema.default));
  return required ? "required" : "";
}

/** A value in YAML's flow style, as it would be typed. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([name, entry]) => `${name}: ${flow(entry)}`)
    .join(", ")} }`;
}

function code(text: string): string {
  return `\`${text}\``;
}

interface DocumentedRule {
  readonly path: string;
  readonly message: string;
}

/** The rules that tie fields together, with the paths they are about. */
function rulesOf(schema: StructuralSchema, path: string): DocumentedRule[] {
  const own = (schema["x-kubernetes-validations"] ?? []).map(({ message, fieldPath }) => ({
    path: `${path}${fieldPath ?? ""}`,
    message,
  }));
  const children = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    rulesOf(field, `${path}.${name}`),
  );
  const items = schema.items === undefined ? [] : rulesOf(schema.items, `${path}[]`);
  const values =
    schema.additionalProperties === undefined ? [] : rulesOf(schema.additionalProperties, `${path}.<name>`);
  return [...own, ...children, ...items, ...values];
}
