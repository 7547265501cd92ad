// What the codecs need to know about a message type, worked out once when a contract is loaded: names, kinds, presence,
// defaults. Nothing here looks at a value.
import protobuf from "protobufjs/light.js";
import { ContractError } from "./contract-error.ts";

export type ScalarType =
  | "double"
  | "float"
  | "int32"
  | "uint32"
  | "sint32"
  | "fixed32"
  | "sfixed32"
  | "int64"
  | "uint64"
  | "sint64"
  | "fixed64"
  | "sfixed64"
  | "bool"
  | "string"
  | "bytes";

/** The sort of JavaScript value a scalar type has. */
export type ScalarKind = "float" | "double" | "int32" | "uint32" | "int64" | "uint64" | "bool" | "string" | "bytes";

/** Message types whose JavaScript or JSON form is their own. */
export type WellKnown = "any" | "timestamp" | "duration" | "field-mask" | "struct" | "value" | "list-value" | "wrapper";

export interface EnumPlan {
  readonly typeName: string;
  /** The first declared name of each number. */
  readonly nameOf: ReadonlyMap<number, string>;
  readonly numberOf: ReadonlyMap<string, number>;
  /** A closed enum (proto2) has no values but the declared ones. */
  readonly closed: boolean;
  readonly firstNumber: number;
}

export type ValuePlan =
  | { readonly kind: "scalar"; readonly scalar: ScalarKind }
  | { readonly kind: "enum"; readonly plan: EnumPlan }
  | { readonly kind: "message"; readonly plan: MessagePlan };

export interface FieldPlan {
  /** The property in JavaScript: the lowerCamelCase of the field's name. */
  readonly name: string;
  /** The property of protobufjs's message: the name in the .proto file; `.package.name` for an extension. */
  readonly wireName: string;
  /** The member in JSON on the way out. */
  readonly jsonName: string;
  /** The name in the .proto file, which JSON also accepts. */
  readonly protoName: string;
  readonly id: number;
  readonly shape: "single" | "repeated" | "map";
  readonly value: ValuePlan;
  /** Of a map: the kind of its keys. */
  readonly key: ScalarKind | undefined;
  /** Whether "not set" can be told from the default. Never for repeated fields and maps. */
  readonly presence: boolean;
  readonly required: boolean;
  /** Index into `oneofs` of the message; proto3 `optional` is none. */
  readonly oneof: number | undefined;
}

export interface MessagePlan {
  readonly typeName: string;
  readonly type: protobuf.Type;
  readonly wellKnown: WellKnown | undefined;
  readonly fields: readonly FieldPlan[];
  readonly required: readonly FieldPlan[];
  /** By the property in JavaScript. */
  readonly byName: ReadonlyMap<string, FieldPlan>;
  /** By every name that JSON may use. */
  readonly byJsonName: ReadonlyMap<string, FieldPlan>;
  readonly oneofs: readonly string[];
  /**
   * What every decoded message starts from, in the order of the fields: the defaults of implicit-presence scalars and
   * enums, and undefined in the place of every container.
   */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** The fields that every decoded message gets a fresh array or object for. */
  readonly containers: readonly FieldPlan[];
}

/** Plans of one Root, made on demand and kept. Recursive types are planned once. */
export interface Planner {
  message(type: protobuf.Type): MessagePlan;
  /** By full name without a leading dot; undefined if the Root has no such message. */
  lookup(typeName: string): MessagePlan | undefined;
}

export function createPlanner(root: protobuf.Root): Planner {
  const messages = new Map<protobuf.Type, MessagePlan>();
  const enums = new Map<protobuf.Enum, EnumPlan>();

  const message = (type: protobuf.Type): MessagePlan => {
    const known = messages.get(type);
    if (known !== undefined) return known;
    const draft = draftMessage(type);
    messages.set(type, draft);
    return fillMessage(draft, type, valuePlan);
  };
  const enumeration = (type: protobuf.Enum): EnumPlan => {
    const plan = enums.get(type) ?? planEnum(type);
    enums.set(type, plan);
    return plan;
  };
  const valuePlan = (field: protobuf.Field): ValuePlan => {
    field.resolve();
    if (field.resolvedType instanceof protobuf.Enum) return { kind: "enum", plan: enumeration(field.resolvedType) };
    if (field.resolvedType instanceof protobuf.Type) return { kind: "message", plan: message(field.resolvedType) };
    return { kind: "scalar", scalar: scalarKind(field.type) };
  };
  const lookup = (typeName: string): MessagePlan | undefined => {
    const found = root.lookup(`.${typeName}`, [protobuf.Type]);
    return found instanceof protobuf.Type && plainName(found) === typeName ? message(found) : undefined;
  };
  return { message, lookup };
}

/** Full name without the leading dot. */
export function plainName(object: protobuf.ReflectionObject): string {
  return object.fullName.startsWith(".") ? object.fullName.slice(1) : object.fullName;
}

const WELL_KNOWN: ReadonlyMap<string, WellKnown> = new Map<string, WellKnown>([
  ["Any", "any"],
  ["Timestamp", "timestamp"],
  ["Duration", "duration"],
  ["FieldMask", "field-mask"],
  ["Struct", "struct"],
  ["Value", "value"],
  ["ListValue", "list-value"],
  ...["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"].map(
    (name): [string, WellKnown] => [`${name}Value`, "wrapper"],
  ),
]);
const GOOGLE_PROTOBUF = "google.protobuf.";

export function wellKnownOf(typeName: string): WellKnown | undefined {
  return typeName.startsWith(GOOGLE_PROTOBUF) ? WELL_KNOWN.get(typeName.slice(GOOGLE_PROTOBUF.length)) : undefined;
}

type Draft = { -readonly [Key in keyof MessagePlan]: MessagePlan[Key] };

function draftMessage(type: protobuf.Type): Draft {
  const typeName = plainName(type);
  return {
    typeName,
    type,
    wellKnown: wellKnownOf(typeName),
    fields: [],
    required: [],
    byName: new Map(),
    byJsonName: new Map(),
    oneofs: [],
    defaults: {},
    containers: [],
  };
}

function fillMessage(draft: Draft, type: protobuf.Type, valuePlan: (field: protobuf.Field) => ValuePlan): MessagePlan {
  const oneofs = type.oneofsArray.filter((oneof) => !isSynthetic(oneof));
  const names = propertyNames(type);
  draft.oneofs = oneofs.map((oneof) => oneof.name);
  draft.fields = type.fieldsArray.map((field) =>
    planField(field, names.get(field) as string, valuePlan(field), oneofIndex(oneofs, field)),
  );
  draft.required = draft.fields.filter((field) => field.required);
  draft.containers = draft.fields.filter((field) => field.shape !== "single");
  draft.byName = new Map(draft.fields.map((field) => [field.name, field]));
  draft.byJsonName = jsonNames(draft);
  draft.defaults = Object.fromEntries(
    draft.fields
      .filter((field) => isImplicit(field) || field.shape !== "single")
      .map((field) => [field.name, isImplicit(field) ? defaultOf(field.value) : undefined]),
  );
  return draft;
}

function oneofIndex(oneofs: readonly protobuf.OneOf[], field: protobuf.Field): number | undefined {
  const index = field.partOf === null ? -1 : oneofs.indexOf(field.partOf);
  return index < 0 ? undefined : index;
}

/** proto3 `optional` is declared as a oneof of its own, which nobody should see. */
export function isSynthetic(oneof: protobuf.OneOf): boolean {
  const [only] = oneof.fieldsArray;
  return oneof.fieldsArray.length === 1 && only?.options?.proto3_optional === true;
}

/** What a wrapper such as Int64Value wraps. */
export function wrappedField(plan: MessagePlan): { readonly wireName: string; readonly scalar: ScalarKind } {
  const [field] = plan.fields;
  if (field?.value.kind !== "scalar") throw new ContractError({}, `${plan.typeName} is not the wrapper it should be`);
  return { wireName: field.wireName, scalar: field.value.scalar };
}

/** Whether the field has its default when it is not on the wire. */
export function isImplicit(field: FieldPlan): boolean {
  return field.shape === "single" && !field.presence && field.value.kind !== "message";
}

function planField(field: protobuf.Field, name: string, value: ValuePlan, oneof: number | undefined): FieldPlan {
  const extension = isExtension(field);
  return {
    name,
    wireName: field.name,
    jsonName: extension ? name : jsonNameOf(field, name),
    protoName: extension ? name : (field.protoName ?? field.name),
    id: field.id,
    shape: field.map ? "map" : field.repeated ? "repeated" : "single",
    value,
    key: field instanceof protobuf.MapField ? scalarKind(field.keyType) : undefined,
    presence: Boolean(field.hasPresence),
    required: field.required,
    oneof,
  };
}

/** The declared `json_name`, else the property's name: should two fields come out alike, JSON tells them apart as well. */
function jsonNameOf(field: protobuf.Field, name: string): string {
  const declared = field.jsonName ?? name;
  return declared === camelCase(field.name) ? name : declared;
}

function isExtension(field: protobuf.Field): boolean {
  return field.name.startsWith(".");
}

/**
 * The JavaScript name of every field: lowerCamelCase as protoc makes it, `[package.name]` for an extension. Should two
 * fields come out alike, both keep the name they have in the .proto file.
 */
export function propertyNames(type: protobuf.Type): ReadonlyMap<protobuf.Field, string> {
  const names = new Map<protobuf.Field, string>();
  const count = new Map<string, number>();
  for (const field of type.fieldsArray) {
    const name = isExtension(field) ? `[${field.name.slice(1)}]` : camelCase(field.name);
    names.set(field, name);
    count.set(name, (count.get(name) ?? 0) + 1);
  }
  for (const [field, name] of names) if ((count.get(name) ?? 0) > 1) names.set(field, field.name);
  return names;
}

/** protoc's ToJsonName: underscores go, and the character after one becomes upper case. */
export function camelCase(name: string): string {
  const camel = name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase());
  return camel === "" ? name : camel;
}

function jsonNames(plan: MessagePlan): ReadonlyMap<string, FieldPlan> {
  const names = new Map<string, FieldPlan>();
  for (const field of plan.fields) {
    for (const name of new Set([field.jsonName, field.protoName])) {
      const other = names.get(name);
      if (other !== undefined && other.protoName === name) continue;
      names.set(name, field);
    }
  }
  return names;
}

function planEnum(type: protobuf.Enum): EnumPlan {
  const nameOf = new Map<number, string>();
  const numberOf = new Map<string, number>();
  for (const [name, number] of Object.entries(type.values)) {
    numberOf.set(name, number);
    if (!nameOf.has(number)) nameOf.set(number, name);
  }
  const firstNumber = Object.values(type.values)[0] ?? 0;
  return { typeName: plainName(type), nameOf, numberOf, closed: isClosed(type), firstNumber };
}

/** protobufjs resolves edition features and keeps them to itself. */
export function isClosed(type: protobuf.Enum): boolean {
  const { _features } = type as unknown as { readonly _features: { readonly enum_type?: string } };
  return _features.enum_type === "CLOSED";
}

const SCALAR_KINDS: Readonly<Record<ScalarType, ScalarKind>> = {
  double: "double",
  float: "float",
  int32: "int32",
  sint32: "int32",
  sfixed32: "int32",
  uint32: "uint32",
  fixed32: "uint32",
  int64: "int64",
  sint64: "int64",
  sfixed64: "int64",
  uint64: "uint64",
  fixed64: "uint64",
  bool: "bool",
  string: "string",
  bytes: "bytes",
};

export function isScalarType(type: string): type is ScalarType {
  return Object.hasOwn(SCALAR_KINDS, type);
}

export function scalarKind(type: string): ScalarKind {
  if (!isScalarType(type)) throw new ContractError({}, `the type ${JSON.stringify(type)} was not resolved`);
  return SCALAR_KINDS[type];
}

/** What a field that is not set reads as: an empty string, 0, false; the name of the first value of an enum. */
function defaultOf(value: ValuePlan): unknown {
  if (value.kind === "enum") return value.plan.nameOf.get(value.plan.firstNumber);
  return value.kind === "scalar" ? scalarDefault(value.scalar) : undefined;
}

export function scalarDefault(kind: ScalarKind): unknown {
  switch (kind) {
    case "bool":
      return false;
    case "string":
      return "";
    case "bytes":
      return NO_BYTES;
    case "int64":
    case "uint64":
      return 0n;
    default:
      return 0;
  }
}

/** No byte of it can be written, so it may be shared. */
const NO_BYTES = new Uint8Array(0);
