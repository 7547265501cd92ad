// What the schema found, in words that say what is there, what should be, and what was probably meant.
import type { z } from "zod";
import type { Kind } from "../contract/documents.ts";
import { type FieldPath, valueAt } from "./field-path.ts";
import { jsonSchemaFor, type StructuralSchema } from "./json-schema.ts";
import { isMap } from "./metadata.ts";
import { nearestName } from "./nearest-name.ts";

/** One thing wrong with a document. `message` is a predicate of the path: `spec.match.service: is required`. */
export interface FieldProblem {
  readonly path: FieldPath;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The problem is the name of the field and not its value. */
  readonly aboutName?: true;
}

/** What a description is made from. */
export interface IssueContext {
  readonly kind: Kind;
  /** The document as it was written. */
  readonly document: unknown;
  /** How a scalar is spelled in its file, if that is known: `1.10` and not 1.1. */
  readonly sourceOf?: ((path: FieldPath) => string | undefined) | undefined;
}

const schemas = new Map<Kind, StructuralSchema>();

/** An issue of the schema as problems: one, or one for each unknown field. */
export function describeIssue(issue: z.core.$ZodIssue, context: IssueContext): readonly FieldProblem[] {
  if (issue.code === "unrecognized_keys") return issue.keys.map((name) => unknownField(name, issue.path, context));
  const value = valueAt(context.document, issue.path);
  switch (issue.code) {
    case "invalid_type":
      return [wrongType(issue, value, context)];
    case "invalid_value":
      return [wrongWord(issue, value)];
    case "too_small":
    case "too_big":
      return [outOfBounds(issue, value)];
    case "invalid_key":
      return [invalidName(issue)];
    case "custom":
      return [problem(issue.path, issue.message, issue.params?.hint as string | undefined)];
    default:
      return [{ path: issue.path, message: issue.message }];
  }
}

function problem(path: FieldPath, message: string, hint: string | undefined): FieldProblem {
  return hint === undefined ? { path, message } : { path, message, hint };
}

function unknownField(name: string, parent: FieldPath, { kind }: IssueContext): FieldProblem {
  const known = Object.keys(schemaAt(kind, parent)?.properties ?? {});
  const meant = nearestName(name, known);
  const hint = meant === undefined ? `known fields: ${known.join(", ")}` : `did you mean "${meant}"?`;
  return { path: [...parent, name], message: "is not a known field", hint, aboutName: true };
}

function invalidName({ path, issues }: z.core.$ZodIssueInvalidKey): FieldProblem {
  const [first] = issues;
  const message =
    first?.code === "too_big" ? `must have a name of at most ${first.maximum} characters` : first?.message;
  return { path, message: message ?? "is not a valid name", aboutName: true };
}

function wrongType(issue: z.core.$ZodIssueInvalidType, value: unknown, context: IssueContext): FieldProblem {
  const { path } = issue;
  if (value === undefined) return { path, message: "is required" };
  const wanted = typeName(issue.expected);
  if (value === null) {
    return { path, message: `is empty, must be ${wanted}`, hint: "give it a value or remove the field" };
  }
  return problem(path, `must be ${wanted}, is ${describeValue(value)}`, typeHint(issue, value, context));
}

function typeName(expected: string): string {
  const names: Record<string, string> = {
    string: "text",
    int: "a whole number",
    number: "a whole number",
    boolean: "true or false",
    array: "a list",
    object: "a map",
    record: "a map",
  };
  return names[expected] ?? expected;
}

/** A value in a few words: never more than a short excerpt of it. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  if (typeof value !== "string") return String(value);
  return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
}

function typeHint(issue: z.core.$ZodIssueInvalidType, value: unknown, context: IssueContext): string | undefined {
  const { expected, path } = issue;
  if (expected === "string" && (typeof value === "number" || typeof value === "boolean")) {
    return `put it in quotes: "${context.sourceOf?.(path) ?? String(value)}"`;
  }
  if (expected === "array" && (typeof value === "string" || typeof value === "number")) {
    return `write a list: [${String(value).slice(0, 40)}]`;
  }
  if (expected === "array" && isMap(value)) return 'write a list: begin each entry with "- "';
  if (typeof value !== "string") return undefined;
  if (expected === "boolean" && /^(yes|no|on|off)$/i.test(value)) return "write true or false";
  if (!["int", "number"].includes(expected)) return undefined;
  const inMs = String(path.at(-1)).endsWith("Ms") ? milliseconds(value) : undefined;
  if (inMs !== undefined) return `write milliseconds: ${inMs}`;
  return /^-?\d+$/.test(value) ? `remove the quotes: ${value}` : undefined;
}

/** Durations as other tools write them: `250ms`, `2s`, `1.5m`. */
function milliseconds(text: string): number | undefined {
  const found = /^(\d{1,9}(?:\.\d{1,9})?)\s?(ms|s|m|h)$/.exec(text);
  if (found === null) return undefined;
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[found[2] as "ms" | "s" | "m" | "h"];
  return Math.round(Number(found[1]) * unit);
}

function wrongWord(issue: z.core.$ZodIssueInvalidValue, value: unknown): FieldProblem {
  const words = issue.values.map(String);
  const wanted = words.length === 1 ? words[0] : `one of ${words.join(", ")}`;
  if (value === undefined) return { path: issue.path, message: "is required" };
  const meant = typeof value === "string" ? nearestName(value, words) : undefined;
  const hint = meant === undefined ? undefined : `did you mean "${meant}"?`;
  return problem(issue.path, `must be ${wanted}, is ${describeValue(value)}`, hint);
}

type BoundsIssue = z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig;

function outOfBounds(issue: BoundsIssue, value: unknown): FieldProblem {
  const { path } = issue;
  const bound = issue.code === "too_small" ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (issue.origin === "string") {
    if (value === "") return { path, message: "must not be empty" };
    return { path, message: `must have ${bound} characters, has ${String(value).length}` };
  }
  if (issue.origin === "array") {
    const size = Array.isArray(value) ? value.length : 0;
    const noun = bound.endsWith(" 1") ? "entry" : "entries";
    return problem(
      path,
      `must have ${bound} ${noun}, has ${size}`,
      size === 0 ? "remove the field to leave it open" : undefined,
    );
  }
  return { path, message: `must be ${bound}, is ${String(value)}` };
}

function schemaAt(kind: Kind, path: FieldPath): StructuralSchema | undefined {
  let schema = schemas.get(kind);
  if (schema === undefined) {
    schema = jsonSchemaFor(kind);
    schemas.set(kind, schema);
  }
  for (const step of path) {
    schema =
      typeof step === "number" ? schema?.items : (schema?.properties?.[String(step)] ?? schema?.additionalProperties);
  }
  return schema;
}
