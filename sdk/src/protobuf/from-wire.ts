// From protobufjs's decoded messages to plain JavaScript values. The reader has checked the bytes; here only names,
// integers, enums and copies are made.
import protobuf from "protobufjs/light.js";
import { FieldProblem } from "./field-problem.ts";
import { bigintFromHalves, type Halves } from "./int64.ts";
import { MAX_DECODED_MESSAGES } from "./limits.ts";
import type { EnumPlan, FieldPlan, MessagePlan, ScalarKind, ValuePlan } from "./message-plan.ts";
import { scalarDefault, wrappedField } from "./message-plan.ts";
import { setOwn } from "./own-property.ts";
import type { JsonObject, JsonValue } from "./well-known.ts";

/** A message or scalar as protobufjs has it. */
type Wire = Readonly<Record<string, unknown>>;
/** What one input may still cost. */
interface Budget {
  left: number;
}
type FromWire = (wire: unknown, budget: Budget) => unknown;

/** Compiled readers by plan; a recursive type meets its own reader. */
const compiled = new WeakMap<MessagePlan, FromWire>();

/** Reads a decoded message of this plan. Throws `FieldProblem` if it is more than one input may hold. */
export function fromWire(plan: MessagePlan, message: object): unknown {
  return messageReader(plan)(message, { left: MAX_DECODED_MESSAGES });
}

/** Compiles the reader of a plan ahead of its first use. */
export function messageReader(plan: MessagePlan): FromWire {
  const known = compiled.get(plan);
  if (known !== undefined) return known;
  // Until the real one is there, a recursive type gets one that looks it up.
  compiled.set(plan, (wire, budget) => (compiled.get(plan) as FromWire)(wire, budget));
  const target = compileMessage(plan);
  compiled.set(plan, target);
  return target;
}

function compileMessage(plan: MessagePlan): FromWire {
  switch (plan.wellKnown) {
    case "struct":
      return (wire, budget) => readStruct(wire as Wire, budget);
    case "value":
      return (wire, budget) => readValue(wire as Wire, budget);
    case "list-value":
      return (wire, budget) => readList(wire as Wire, budget);
    case "wrapper":
      return wrapperReader(plan);
    default:
      return plainReader(plan);
  }
}

interface FieldReader {
  readonly name: string;
  readonly wireName: string;
  readonly read: FromWire;
}

function plainReader(plan: MessagePlan): FromWire {
  const readers = plan.fields.map(
    (field): FieldReader => ({ name: field.name, wireName: field.wireName, read: fieldReader(field) }),
  );
  const emptyOf = createEmpty(plan);
  return (wire, budget) => {
    spend(budget, 1);
    const message = emptyOf();
    for (let i = 0; i < readers.length; i++) {
      const { name, wireName, read } = readers[i] as FieldReader;
      if (!Object.hasOwn(wire as Wire, wireName)) continue;
      const value = read((wire as Wire)[wireName], budget);
      if (value !== undefined) message[name] = value;
    }
    return message;
  };
}

/** Makes messages that have nothing but defaults; every one has its own arrays and objects. */
export function createEmpty(plan: MessagePlan): () => Record<string, unknown> {
  const { defaults, containers } = plan;
  if (containers.length === 0) return () => ({ ...defaults });
  return () => {
    const message: Record<string, unknown> = { ...defaults };
    for (let i = 0; i < containers.length; i++) {
      const field = containers[i] as FieldPlan;
      message[field.name] = field.shape === "map" ? {} : [];
    }
    return message;
  };
}

function fieldReader(field: FieldPlan): FromWire {
  const read = valueReader(field.value);
  if (field.shape === "repeated") return arrayReader(read);
  return field.shape === "map" ? mapReader(field.key as ScalarKind, read) : read;
}

function arrayReader(read: FromWire): FromWire {
  if (read === asIs) return (wire) => (wire as unknown[]).slice();
  return (wire, budget) => {
    const items = wire as readonly unknown[];
    const result = new Array<unknown>(items.length);
    for (let i = 0; i < items.length; i++) result[i] = read(items[i], budget);
    return result;
  };
}

function mapReader(key: ScalarKind, read: FromWire): FromWire {
  const keyOf = key === "int64" || key === "uint64" ? longKey(key === "uint64") : asIs;
  return (wire, budget) => {
    const entries = wire as Wire;
    const keys = Object.keys(entries);
    spend(budget, keys.length);
    const result: Record<string, unknown> = {};
    for (const wireKey of keys) setOwn(result, keyOf(wireKey, budget) as string, read(entries[wireKey], budget));
    return result;
  };
}

/** protobufjs spells a 64-bit map key as eight characters of eight bits. */
function longKey(unsigned: boolean): FromWire {
  return (hash) => {
    const long = protobuf.util.longFromHash(hash as string, unsigned) as unknown as Halves;
    return bigintFromHalves(long, unsigned).toString();
  };
}

const asIs: FromWire = (wire) => wire;

function valueReader(value: ValuePlan): FromWire {
  if (value.kind === "message") return messageReader(value.plan);
  return value.kind === "enum" ? enumReader(value.plan) : scalarReader(value.scalar);
}

function enumReader({ nameOf }: EnumPlan): FromWire {
  return (wire) => nameOf.get(wire as number) ?? wire;
}

function scalarReader(kind: ScalarKind): FromWire {
  switch (kind) {
    case "int64":
      return (wire) => bigintFromHalves(wire as Halves, false);
    case "uint64":
      return (wire) => bigintFromHalves(wire as Halves, true);
    case "bytes":
      return (wire) => new Uint8Array(wire as Uint8Array);
    default:
      return asIs;
  }
}

function wrapperReader(plan: MessagePlan): FromWire {
  const { wireName, scalar } = wrappedField(plan);
  const read = scalarReader(scalar);
  const fallback = scalarDefault(scalar);
  return (wire, budget) => {
    spend(budget, 1);
    return Object.hasOwn(wire as Wire, wireName) ? read((wire as Wire)[wireName], budget) : fallback;
  };
}

function readStruct(wire: Wire, budget: Budget): JsonObject {
  const fields = (Object.hasOwn(wire, "fields") ? wire.fields : {}) as Readonly<Record<string, Wire>>;
  const keys = Object.keys(fields);
  spend(budget, keys.length + 1);
  const result: JsonObject = {};
  for (const key of keys) setOwn(result, key, readValue(fields[key] as Wire, budget));
  return result;
}

function readList(wire: Wire, budget: Budget): JsonValue[] {
  const values = (Object.hasOwn(wire, "values") ? wire.values : []) as readonly Wire[];
  spend(budget, 1);
  return values.map((value) => readValue(value, budget));
}

/** A Value with nothing set is read as null. */
function readValue(wire: Wire, budget: Budget): JsonValue {
  spend(budget, 1);
  for (const name of ["string_value", "number_value", "bool_value"] as const) {
    if (Object.hasOwn(wire, name)) return wire[name] as JsonValue;
  }
  if (Object.hasOwn(wire, "struct_value")) return readStruct(wire.struct_value as Wire, budget);
  return Object.hasOwn(wire, "list_value") ? readList(wire.list_value as Wire, budget) : null;
}

function spend(budget: Budget, messages: number): void {
  budget.left -= messages;
  if (budget.left < 0)
    throw new FieldProblem(`more than ${MAX_DECODED_MESSAGES} messages and map entries in one input`);
}
