// Reads the protobuf JSON mapping, already parsed, into the same values that the binary decoder yields.
import { Buffer } from "node:buffer";
import { FieldProblem, keySegment, showValue } from "./field-problem.ts";
import { createEmpty } from "./from-wire.ts";
import { parseDuration, parseFieldMask, parseTimestamp } from "./json-time.ts";
import {
  type EnumPlan,
  type FieldPlan,
  type MessagePlan,
  type Planner,
  type ScalarKind,
  type ValuePlan,
  wrappedField,
} from "./message-plan.ts";
import { setOwn } from "./own-property.ts";
import { checkEnum, checkMapKey, checkScalar } from "./scalar-check.ts";
import { hasOwnJson, typeOfAny } from "./to-json.ts";
import {
  arrayWriter,
  checkDepth,
  checkRequired,
  claimOneof,
  isNullable,
  nameSegment,
  noSuchField,
} from "./write-message.ts";

/** Reads one JSON value. `depth` counts messages within messages. Throws `FieldProblem`. */
export type Read = (json: unknown, depth: number) => unknown;
/** Encodes a value that was read, for the inside of an Any. */
export type EncodeValue = (plan: MessagePlan, value: unknown) => Uint8Array;

/** Compiles readers of JSON values and keeps them; a recursive type meets its own reader. */
export function createJsonReaders(planner: Planner, encode: EncodeValue): (plan: MessagePlan) => Read {
  const compiled = new WeakMap<MessagePlan, Read>();
  const readerOf = (plan: MessagePlan): Read => {
    const known = compiled.get(plan);
    if (known !== undefined) return known;
    // Until the real one is there, a recursive type gets one that looks it up.
    compiled.set(plan, (json, depth) => (compiled.get(plan) as Read)(json, depth));
    const target = plan.wellKnown === "any" ? anyReader(planner, encode, readerOf) : messageReader(plan, readerOf);
    compiled.set(plan, target);
    return target;
  };
  return readerOf;
}

function messageReader(plan: MessagePlan, readerOf: (plan: MessagePlan) => Read): Read {
  switch (plan.wellKnown) {
    case "timestamp":
      return parseTimestamp;
    case "duration":
      return parseDuration;
    case "field-mask":
      return (json) => ({ paths: parseFieldMask(json) });
    case "struct":
      return readStruct;
    case "list-value":
      return readList;
    case "value":
      return readValue;
    case "wrapper":
      return scalarReader(wrappedField(plan).scalar);
    default:
      return plainReader(plan, readerOf);
  }
}

function plainReader(plan: MessagePlan, readerOf: (plan: MessagePlan) => Read): Read {
  const readers = fieldReaders(plan, readerOf);
  const emptyOf = createEmpty(plan);
  return (json, depth) => {
    checkObject(json, depth);
    const message = emptyOf();
    let claims: (FieldPlan | undefined)[] | undefined;
    let name = "";
    try {
      for (name of Object.keys(json)) {
        const reader = readers.get(name);
        if (reader === undefined) throw new FieldProblem(noSuchField(plan, name, plan.byJsonName));
        const { field, twin } = reader;
        if (twin !== undefined && name !== field.jsonName && Object.hasOwn(json, twin)) {
          throw new FieldProblem(`the field ${field.protoName} is given twice`);
        }
        const item = json[name];
        if (item === null && !reader.takesNull) continue;
        if (field.oneof !== undefined) {
          claims ??= new Array<FieldPlan | undefined>(plan.oneofs.length);
          claimOneof(plan, claims, field);
        }
        message[field.name] = reader.read(item, depth);
      }
    } catch (error) {
      throw error instanceof FieldProblem ? error.at(nameSegment(name)) : error;
    }
    if (plan.required.length > 0) checkRequired(plan.required, message);
    return message;
  };
}

interface FieldReader {
  readonly field: FieldPlan;
  readonly read: Read;
  readonly takesNull: boolean;
  /** The JSON name, if the field has another name besides. */
  readonly twin: string | undefined;
}

/** Under every name that JSON may use. */
function fieldReaders(plan: MessagePlan, readerOf: (plan: MessagePlan) => Read): ReadonlyMap<string, FieldReader> {
  const readers = new Map<FieldPlan, FieldReader>();
  for (const field of plan.fields) {
    const twin = plan.byJsonName.get(field.jsonName) === field ? field.jsonName : undefined;
    readers.set(field, { field, read: fieldReader(field, readerOf), takesNull: takesNull(field), twin });
  }
  return new Map([...plan.byJsonName].map(([name, field]) => [name, readers.get(field) as FieldReader]));
}

function checkObject(json: unknown, depth: number): asserts json is Record<string, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new FieldProblem(`expected an object, got ${showValue(json)}`);
  }
  checkDepth(depth);
}

/** JSON null is no value but for Value and NullValue. */
function takesNull(field: FieldPlan): boolean {
  return field.shape === "single" && (isNullable(field.value) || isNullEnum(field.value));
}

function isNullEnum(value: ValuePlan): boolean {
  return value.kind === "enum" && value.plan.typeName === "google.protobuf.NullValue";
}

function fieldReader(field: FieldPlan, readerOf: (plan: MessagePlan) => Read): Read {
  const read = valueReader(field.value, readerOf);
  if (field.shape === "repeated") return arrayWriter(read);
  return field.shape === "map" ? mapReader(field.key as ScalarKind, read) : read;
}

function valueReader(value: ValuePlan, readerOf: (plan: MessagePlan) => Read): Read {
  if (value.kind === "scalar") return scalarReader(value.scalar);
  if (value.kind === "enum") return enumReader(value.plan);
  const read = readerOf(value.plan);
  return (json, depth) => read(json, depth + 1);
}

function mapReader(kind: ScalarKind, read: Read): Read {
  return (json, depth) => {
    checkObject(json, depth);
    const result: Record<string, unknown> = {};
    let key = "";
    try {
      for (key of Object.keys(json)) setOwn(result, checkMapKey(kind, key), read(json[key], depth));
    } catch (error) {
      throw error instanceof FieldProblem ? error.at(keySegment(key)) : error;
    }
    return result;
  };
}

function enumReader(plan: EnumPlan): Read {
  if (plan.typeName === "google.protobuf.NullValue") {
    return (json) => (json === null ? "NULL_VALUE" : (plan.nameOf.get(checkEnum(plan, json)) ?? json));
  }
  return (json) => {
    const number = checkEnum(plan, json);
    return plan.nameOf.get(number) ?? number;
  };
}

function scalarReader(kind: ScalarKind): Read {
  switch (kind) {
    case "int32":
    case "uint32":
      return (json) => (checkScalar(kind, typeof json === "string" ? Number(parseInteger(json)) : json) as number) + 0;
    case "int64":
    case "uint64":
      return (json) => readLong(kind, json);
    case "float":
    case "double":
      return (json) => checkScalar(kind, typeof json === "string" ? parseNumber(json) : json);
    case "bytes":
      return parseBase64;
    default:
      return (json) => checkScalar(kind, json);
  }
}

/**
 * A number beyond the safe integers is refused, since JSON.parse may already have rounded it; the mapping itself writes
 * 64-bit integers as strings.
 */
function readLong(kind: "int64" | "uint64", json: unknown): bigint {
  if (typeof json === "string") return checkScalar(kind, parseInteger(json)) as bigint;
  if (typeof json === "number" && Number.isInteger(json) && !Number.isSafeInteger(json)) {
    throw new FieldProblem(`the number ${json} may have lost digits; write it as a string, in quotes`);
  }
  return checkScalar(kind, json) as bigint;
}

const DECIMAL = /^-?(?:0|[1-9]\d*)$/;
const NUMERIC = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Integers may be written with a fraction of zero or an exponent: "1.0", "1e3". */
function parseInteger(text: string): bigint {
  if (text.length <= 64) {
    if (DECIMAL.test(text)) return BigInt(text);
    const number = NUMERIC.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(number)) return BigInt(number);
  }
  throw new FieldProblem(`expected an integer, got ${showValue(text)}`);
}

function parseNumber(text: string): number {
  if (text === "NaN" || text === "Infinity" || text === "-Infinity") return Number(text);
  const number = NUMERIC.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(number)) return number;
  throw new FieldProblem(`expected a number, got ${showValue(text)}`);
}

/** Both alphabets, with or without padding. */
function parseBase64(json: unknown): Uint8Array {
  if (typeof json !== "string" || !/^[\w+/-]*={0,2}$/.test(json) || json.replace(/=+$/, "").length % 4 === 1) {
    throw new FieldProblem(`expected bytes in base64, got ${showValue(json)}`);
  }
  return new Uint8Array(Buffer.from(json, "base64"));
}

const readStruct = mapReader("string", (json, depth) => readValue(json, depth + 1));
const readList = arrayWriter((json, depth) => readValue(json, depth + 1));

function readValue(json: unknown, depth: number): unknown {
  checkDepth(depth);
  if (typeof json === "string") return checkScalar("string", json);
  if (typeof json === "number" && !Number.isFinite(json)) throw new FieldProblem("the number is out of range");
  if (typeof json !== "object" || json === null) return json;
  return Array.isArray(json) ? readList(json, depth + 1) : readStruct(json, depth + 1);
}

function anyReader(planner: Planner, encode: EncodeValue, readerOf: (plan: MessagePlan) => Read): Read {
  return (json, depth) => {
    checkObject(json, depth);
    const { "@type": typeUrl, ...rest } = json;
    if (typeUrl === undefined && Object.keys(rest).length === 0) return { typeUrl: "", value: new Uint8Array(0) };
    if (typeof typeUrl !== "string" || !typeUrl.includes("/")) {
      throw new FieldProblem(`expected "@type" with a type URL such as "type.googleapis.com/shop.Item"`);
    }
    const plan = typeOfAny(planner, typeUrl);
    return { typeUrl, value: encode(plan, readerOf(plan)(hasOwnJson(plan) ? boxedValue(rest) : rest, depth + 1)) };
  };
}

function boxedValue(rest: Record<string, unknown>): unknown {
  for (const name of Object.keys(rest)) {
    if (name !== "value") throw new FieldProblem(`beside "@type" only "value" is expected`).at(nameSegment(name));
  }
  return rest.value;
}
