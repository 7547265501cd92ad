// The binary dialect: what protobufjs's encoders take. They trust their input, so everything is checked here.
import { FieldProblem, showValue } from "./field-problem.ts";
import { halvesFromBigint } from "./int64.ts";
import { type MessagePlan, type ScalarKind, wrappedField } from "./message-plan.ts";
import { checkEnum, checkScalar } from "./scalar-check.ts";
import { timestampFromDate } from "./well-known.ts";
import { arrayWriter, checkDepth, createWriters, type Dialect, mapWriter, type Write } from "./write-message.ts";

const dialect: Dialect = {
  keyOf: (field) => field.wireName,
  scalar: scalarWriter,
  enumeration: (plan) => (value) => checkEnum(plan, value),
  wellKnown: wellKnownWriter,
  // protobufjs leaves implicit defaults out by itself.
  omits: () => false,
};

/** The writer of a plan: checks and converts a value. Throws `FieldProblem`. */
export const wireWriter: (plan: MessagePlan) => Write = createWriters(dialect);

function scalarWriter(kind: ScalarKind): Write {
  if (kind !== "int64" && kind !== "uint64") return (value) => checkScalar(kind, value);
  return (value) => {
    const integer = checkScalar(kind, value) as bigint;
    return typeof value === "number" ? value : halvesFromBigint(integer);
  };
}

function wellKnownWriter(plan: MessagePlan, plain: Write): Write {
  switch (plan.wellKnown) {
    case "struct":
      return structToWire;
    case "value":
      return valueToWire;
    case "list-value":
      return listToWire;
    case "wrapper":
      return wrapperWriter(plan);
    case "timestamp":
      return (value, depth) => plain(value instanceof Date ? dateToTimestamp(value) : value, depth);
    default:
      return plain;
  }
}

function wrapperWriter(plan: MessagePlan): Write {
  const { wireName, scalar } = wrappedField(plan);
  const write = scalarWriter(scalar);
  return (value, depth) => ({ [wireName]: write(value, depth) });
}

/** Throws `FieldProblem` for an invalid Date. */
export function dateToTimestamp(date: Date): object {
  if (Number.isNaN(date.getTime())) throw new FieldProblem("the Date is invalid");
  return timestampFromDate(date);
}

function structToWire(value: unknown, depth: number): object {
  return { fields: structFields(value, depth) };
}

function listToWire(value: unknown, depth: number): object {
  return { values: listItems(value, depth) };
}

const structFields = mapWriter("string", (value, depth) => valueToWire(value, depth + 1));
const listItems = arrayWriter((value, depth) => valueToWire(value, depth + 1));

/** A list or struct within a value is one message deeper, its items another one. */
function valueToWire(value: unknown, depth: number): object {
  checkDepth(depth);
  switch (typeof value) {
    case "string":
      return { string_value: checkScalar("string", value) };
    case "boolean":
      return { bool_value: value };
    case "number":
      return { number_value: checkFinite(value) };
    case "object":
      if (value === null) return { null_value: 0 };
      return Array.isArray(value)
        ? { list_value: listToWire(value, depth + 1) }
        : { struct_value: structToWire(value, depth + 1) };
    default:
      throw new FieldProblem(`expected a JSON value, got ${showValue(value)}`);
  }
}

export function checkFinite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new FieldProblem(`expected a JSON value, got ${showValue(value)}`);
}
