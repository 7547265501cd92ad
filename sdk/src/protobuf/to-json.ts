// The JSON dialect: the protobuf JSON mapping as an object for JSON.stringify.
import { Buffer } from "node:buffer";
import { FieldProblem, showValue } from "./field-problem.ts";
import { formatDuration, formatFieldMask, formatTimestamp } from "./json-time.ts";
import {
  type EnumPlan,
  type FieldPlan,
  isImplicit,
  type MessagePlan,
  type Planner,
  type ScalarKind,
  wellKnownOf,
  wrappedField,
} from "./message-plan.ts";
import { checkEnum, checkScalar } from "./scalar-check.ts";
import { checkFinite, dateToTimestamp } from "./to-wire.ts";
import { arrayWriter, checkDepth, createWriters, mapWriter, type Write } from "./write-message.ts";

/** Reads the bytes of an Any. Throws `FieldProblem`. */
export type ReadBytes = (plan: MessagePlan, bytes: Uint8Array) => unknown;

/** Compiles writers to JSON values. `planner` finds the types within Any, `readBytes` opens them. */
export function createJsonWriters(planner: Planner, readBytes: ReadBytes): (plan: MessagePlan) => Write {
  return createWriters({
    keyOf: (field) => field.jsonName,
    scalar: scalarWriter,
    enumeration: enumWriter,
    wellKnown: (plan, plain, writerOf) =>
      plan.wellKnown === "any" ? anyWriter(plain, planner, readBytes, writerOf) : wellKnownWriter(plan, plain),
    omits,
  });
}

/** The mapping leaves out what reads the same when it is not there. */
function omits(field: FieldPlan, converted: unknown): boolean {
  if (field.shape === "repeated") return (converted as unknown[]).length === 0;
  if (field.shape === "map") return Object.keys(converted as object).length === 0;
  if (!isImplicit(field)) return false;
  if (field.value.kind === "enum") {
    return converted === null || converted === field.value.plan.nameOf.get(field.value.plan.firstNumber);
  }
  return converted === "" || converted === "0" || converted === false || Object.is(converted, 0);
}

function scalarWriter(kind: ScalarKind): Write {
  switch (kind) {
    case "int64":
    case "uint64":
      return (value) => String(checkScalar(kind, value));
    case "float":
    case "double":
      return (value) => jsonNumber(checkScalar(kind, value) as number);
    case "bytes":
      return (value) => base64(checkScalar(kind, value) as Uint8Array);
    default:
      return (value) => checkScalar(kind, value);
  }
}

/** JSON has no NaN and no infinities, and JSON.stringify drops the sign of a zero. */
function jsonNumber(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? "-0" : String(value);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function enumWriter(plan: EnumPlan): Write {
  if (plan.typeName === "google.protobuf.NullValue") {
    return (value) => {
      checkEnum(plan, value);
      return null;
    };
  }
  return (value) => {
    const number = checkEnum(plan, value);
    return plan.nameOf.get(number) ?? number;
  };
}

type Plain = { readonly [field: string]: unknown };

function wellKnownWriter(plan: MessagePlan, plain: Write): Write {
  switch (plan.wellKnown) {
    case "timestamp":
      return (value, depth) =>
        formatTimestamp(time(plain(value instanceof Date ? dateToTimestamp(value) : value, depth)));
    case "duration":
      return (value, depth) => formatDuration(time(plain(value, depth)));
    case "field-mask":
      return (value, depth) => formatFieldMask(((plain(value, depth) as Plain).paths ?? []) as string[]);
    case "struct":
      return structToJson;
    case "list-value":
      return listToJson;
    case "value":
      return valueToJson;
    case "wrapper":
      return scalarWriter(wrappedField(plan).scalar);
    default:
      return plain;
  }
}

function time(json: unknown): { seconds: bigint; nanos: number } {
  const { seconds = "0", nanos = 0 } = json as { readonly seconds?: string; readonly nanos?: number };
  return { seconds: BigInt(seconds), nanos };
}

const structToJson = mapWriter("string", (value, depth) => valueToJson(value, depth + 1));
const listToJson = arrayWriter((value, depth) => valueToJson(value, depth + 1));

/** Counts depth as the binary form does, so that both take the same values. */
function valueToJson(value: unknown, depth: number): unknown {
  checkDepth(depth);
  switch (typeof value) {
    case "string":
      return checkScalar("string", value);
    case "boolean":
      return value;
    case "number":
      return checkFinite(value);
    case "object":
      if (value === null) return null;
      return Array.isArray(value) ? listToJson(value, depth + 1) : structToJson(value, depth + 1);
    default:
      throw new FieldProblem(`expected a JSON value, got ${showValue(value)}`);
  }
}

function anyWriter(
  plain: Write,
  planner: Planner,
  readBytes: ReadBytes,
  writerOf: (plan: MessagePlan) => Write,
): Write {
  return (value, depth) => {
    plain(value, depth);
    const { typeUrl = "", value: bytes = NO_BYTES } = value as {
      readonly typeUrl?: string;
      readonly value?: Uint8Array;
    };
    if (typeUrl === "") return {};
    const plan = typeOfAny(planner, typeUrl);
    const json = writerOf(plan)(readBytes(plan, bytes), depth + 1);
    return hasOwnJson(plan) ? { "@type": typeUrl, value: json } : { "@type": typeUrl, ...(json as object) };
  };
}

const NO_BYTES = new Uint8Array(0);

/** Types whose JSON is not the object of their fields stand in an Any under `value`. */
export function hasOwnJson(plan: MessagePlan): boolean {
  return wellKnownOf(plan.typeName) !== undefined || plan.typeName === "google.protobuf.Empty";
}

/** The plan of the type an Any names. Throws `FieldProblem` if the contract does not know it. */
export function typeOfAny(planner: Planner, typeUrl: string): MessagePlan {
  const typeName = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
  const plan = planner.lookup(typeName);
  if (plan !== undefined) return plan;
  throw new FieldProblem(
    `the type ${JSON.stringify(typeName)} of this Any is not among the types of the contract, so it has no JSON form; import its .proto file`,
  );
}
