// Walks a JavaScript value along the plan of its type, checks it, and hands every scalar to a dialect. The binary
// encoder and the JSON writer are two dialects of this one walk, so they refuse the same values in the same words.
import { FieldProblem, keySegment, showValue } from "./field-problem.ts";
import { MAX_DEPTH } from "./limits.ts";
import type { EnumPlan, FieldPlan, MessagePlan, ScalarKind, ValuePlan } from "./message-plan.ts";
import { setOwn } from "./own-property.ts";
import { checkMapKey, suggest } from "./scalar-check.ts";

/** Checks and converts one value. `depth` counts messages within messages. Throws `FieldProblem`. */
export type Write = (value: unknown, depth: number) => unknown;

export interface Dialect {
  /** The property of the result that a field goes to. */
  keyOf(field: FieldPlan): string;
  scalar(kind: ScalarKind): Write;
  enumeration(plan: EnumPlan): Write;
  /** The writer of a type with a form of its own; `plain` treats it like any other message. */
  wellKnown(plan: MessagePlan, plain: Write, writerOf: (plan: MessagePlan) => Write): Write;
  /** Whether a converted value need not be written at all. */
  omits(field: FieldPlan, converted: unknown): boolean;
}

/** Compiles writers of one dialect and keeps them; a recursive type meets its own writer. */
export function createWriters(dialect: Dialect): (plan: MessagePlan) => Write {
  const compiled = new WeakMap<MessagePlan, Write>();
  const writerOf = (plan: MessagePlan): Write => {
    const known = compiled.get(plan);
    if (known !== undefined) return known;
    // Until the real one is there, a recursive type gets one that looks it up.
    compiled.set(plan, (value, depth) => (compiled.get(plan) as Write)(value, depth));
    const plain = plainWriter(plan, dialect, (value) => valueWriter(value, dialect, writerOf));
    const target = plan.wellKnown === undefined ? plain : dialect.wellKnown(plan, plain, writerOf);
    compiled.set(plan, target);
    return target;
  };
  return writerOf;
}

interface FieldWriter {
  readonly field: FieldPlan;
  readonly key: string;
  readonly write: Write;
  /** A null is a value of its own; elsewhere it is the same as nothing. */
  readonly takesNull: boolean;
}

function plainWriter(plan: MessagePlan, dialect: Dialect, writerOf: (value: ValuePlan) => Write): Write {
  const writers = new Map<string, FieldWriter>();
  for (const field of plan.fields) {
    const write = shapeWriter(field, writerOf(field.value));
    writers.set(field.name, { field, key: dialect.keyOf(field), write, takesNull: takesNull(field) });
  }
  const { oneofs, required } = plan;
  return (value, depth) => {
    checkMessage(value, depth);
    const result: Record<string, unknown> = {};
    let claims: (FieldPlan | undefined)[] | undefined;
    let name = "";
    try {
      for (name of Object.keys(value)) {
        const writer = writers.get(name);
        if (writer === undefined) throw new FieldProblem(noSuchField(plan, name, plan.byName));
        const given = (value as Record<string, unknown>)[name];
        if (given === undefined || (given === null && !writer.takesNull)) continue;
        if (writer.field.oneof !== undefined) {
          claims ??= new Array<FieldPlan | undefined>(oneofs.length);
          claimOneof(plan, claims, writer.field);
        }
        const converted = writer.write(given, depth);
        if (!dialect.omits(writer.field, converted)) result[writer.key] = converted;
      }
    } catch (error) {
      throw error instanceof FieldProblem ? error.at(nameSegment(name)) : error;
    }
    if (required.length > 0) checkRequired(required, value);
    return result;
  };
}

/** Throws unless the value can be a message: an object, but none of those that stand for something else. */
export function checkMessage(value: unknown, depth: number): asserts value is object {
  if (typeof value !== "object" || value === null || isOtherObject(value)) {
    throw new FieldProblem(`expected an object, got ${showValue(value)}`);
  }
  checkDepth(depth);
}

export function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) throw new FieldProblem(`nested more than ${MAX_DEPTH} deep, or an object that holds itself`);
}

function isOtherObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return false;
  return (
    Array.isArray(value) ||
    ArrayBuffer.isView(value) ||
    value instanceof Date ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Promise
  );
}

export function noSuchField(plan: MessagePlan, name: string, fields: ReadonlyMap<string, FieldPlan>): string {
  return `${plan.typeName} has no such field${suggest(name, fields.keys())}`;
}

/** The segment for a field by a name that came from outside; an extension's name has its own brackets. */
export function nameSegment(name: string): string {
  return /^[A-Za-z_$][\w$]{0,63}$/.test(name) ? `.${name}` : /^\[[\w.]{1,128}\]$/.test(name) ? name : keySegment(name);
}

/** Notes that a member of a oneof is set; throws if another one already is. */
export function claimOneof(plan: MessagePlan, claims: (FieldPlan | undefined)[], field: FieldPlan): void {
  const { oneof } = field;
  if (oneof === undefined) return;
  const other = claims[oneof];
  if (other !== undefined) {
    throw new FieldProblem(
      `of the oneof ${plan.oneofs[oneof]} only one may be set, but ${other.name} and ${field.name} are`,
    );
  }
  claims[oneof] = field;
}

export function checkRequired(required: readonly FieldPlan[], message: object): void {
  for (const { name } of required) {
    const given = Object.hasOwn(message, name) ? (message as Record<string, unknown>)[name] : undefined;
    if (given === undefined || given === null) throw new FieldProblem("is required").at(nameSegment(name));
  }
}

/** Whether null is a value of this field's type and not the absence of one. */
export function takesNull(field: FieldPlan): boolean {
  return field.shape === "single" && isNullable(field.value);
}

export function isNullable(value: ValuePlan): boolean {
  return value.kind === "message" && value.plan.wellKnown === "value";
}

function valueWriter(value: ValuePlan, dialect: Dialect, writerOf: (plan: MessagePlan) => Write): Write {
  if (value.kind === "scalar") return dialect.scalar(value.scalar);
  if (value.kind === "enum") return dialect.enumeration(value.plan);
  const write = writerOf(value.plan);
  return (given, depth) => write(given, depth + 1);
}

function shapeWriter(field: FieldPlan, write: Write): Write {
  if (field.shape === "repeated") return arrayWriter(write);
  return field.shape === "map" ? mapWriter(field.key as ScalarKind, write) : write;
}

export function arrayWriter(write: Write): Write {
  return (value, depth) => {
    if (!Array.isArray(value)) throw new FieldProblem(`expected an array, got ${showValue(value)}`);
    const items = value as readonly unknown[];
    const result = new Array<unknown>(items.length);
    let i = 0;
    try {
      for (; i < items.length; i++) result[i] = write(items[i], depth);
    } catch (error) {
      throw error instanceof FieldProblem ? error.at(`[${i}]`) : error;
    }
    return result;
  };
}

/** Entries whose value is undefined are left out, as in an object. */
export function mapWriter(kind: ScalarKind, write: Write): Write {
  return (value, depth) => {
    checkMessage(value, depth);
    const result: Record<string, unknown> = {};
    let key = "";
    try {
      for (key of Object.keys(value)) {
        const given = (value as Record<string, unknown>)[key];
        if (given !== undefined) setOwn(result, checkMapKey(kind, key), write(given, depth));
      }
    } catch (error) {
      throw error instanceof FieldProblem ? error.at(keySegment(key)) : error;
    }
    return result;
  };
}
