// Messages as interfaces and enums as unions, with the comments of the .proto file.
import protobuf from "protobufjs";
import {
  isClosed,
  isSynthetic,
  plainName,
  propertyNames,
  type ScalarKind,
  scalarKind,
  wellKnownOf,
} from "../message-plan.ts";
import type { FileImports } from "./file-imports.ts";
import { formatComment, printComment } from "./print-comment.ts";

/** What `decode` yields; `Init` of it is what `encode` takes. */
export function printMessage(type: protobuf.Type, imports: FileImports): string {
  const names = propertyNames(type);
  const fields = type.fieldsArray.map((field) => printField(field, names.get(field) as string, imports));
  const body = fields.length === 0 ? "{}" : `{\n${fields.join("\n")}\n}`;
  return `${printComment(type, "")}export interface ${imports.names.typeOf(type)} ${body}`;
}

function printField(field: protobuf.Field, name: string, imports: FileImports): string {
  const comment = printComment(field.declaringField ?? field, "  ", fieldNotes(field));
  const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
  return `${comment}  ${key}${isOptional(field) ? "?" : ""}: ${fieldType(field, imports)};`;
}

/** A field that tells "not set" from its default is left out when it is not set; a required one never is. */
function isOptional(field: protobuf.Field): boolean {
  if (field.repeated || field.map || field.required) return false;
  return Boolean(field.hasPresence) || field.resolvedType instanceof protobuf.Type;
}

function fieldNotes(field: protobuf.Field): readonly string[] {
  const notes: string[] = [];
  if (field.partOf !== null && !isSynthetic(field.partOf)) notes.push(`Of the oneof \`${field.partOf.name}\`.`);
  const fallback: unknown = field.options?.default;
  if (fallback !== undefined) notes.push(`Reads as ${JSON.stringify(fallback)} when it is not set.`);
  return notes;
}

function fieldType(field: protobuf.Field, imports: FileImports): string {
  const value = field.resolvedType === null ? scalarType(scalarKind(field.type)) : referTo(field.resolvedType, imports);
  if (field.map) return `{ [key: string]: ${value} }`;
  if (!field.repeated) return value;
  return /^[\w.]+$/.test(value) ? `${value}[]` : `(${value})[]`;
}

function scalarType(kind: ScalarKind): string {
  switch (kind) {
    case "bool":
      return "boolean";
    case "string":
      return "string";
    case "bytes":
      return "Uint8Array";
    case "int64":
    case "uint64":
      return "bigint";
    default:
      return "number";
  }
}

/** The TypeScript type for a message or enum. */
export function referTo(type: protobuf.Type | protobuf.Enum | null, imports: FileImports): string {
  if (type === null) throw new TypeError("a type was not resolved before printing");
  const name = plainName(type);
  switch (wellKnownOf(name)) {
    case "any":
      return imports.fromSdk("Any");
    case "timestamp":
      return imports.fromSdk("Timestamp");
    case "duration":
      return imports.fromSdk("Duration");
    case "field-mask":
      return imports.fromSdk("FieldMask");
    case "struct":
      return imports.fromSdk("JsonObject");
    case "value":
      return imports.fromSdk("JsonValue");
    case "list-value":
      return `${imports.fromSdk("JsonValue")}[]`;
    case "wrapper":
      return scalarType(scalarKind((type as protobuf.Type).fields.value?.type ?? "string"));
    default:
      if (name === "google.protobuf.Empty") return imports.fromSdk("Empty");
      return name === "google.protobuf.NullValue" ? `"NULL_VALUE"` : imports.typeOf(type);
  }
}

export function printEnum(type: protobuf.Enum, imports: FileImports): string {
  const names = Object.keys(type.values);
  const members = names.map((name) => {
    const comment = formatComment(type.comments[name] ?? "", "  ", deprecation(type, name));
    return `${comment}  | ${JSON.stringify(name)}`;
  });
  if (!isClosed(type)) members.push("  /** A value that this file does not know. */\n  | number");
  const declared = `${printComment(type, "")}export type ${imports.names.typeOf(type)} =`;
  const line = `${declared} ${names.map((name) => JSON.stringify(name)).join(" | ")}`;
  const plain = names.every((name) => !type.comments[name]) && isClosed(type);
  return plain && line.length < 120 && names.length > 0 ? `${line};` : `${declared}\n${members.join("\n")};`;
}

function deprecation(type: protobuf.Enum, name: string): readonly string[] {
  const options = type.valuesOptions?.[name] as { readonly deprecated?: unknown } | undefined;
  return options?.deprecated === true ? ["@deprecated"] : [];
}
