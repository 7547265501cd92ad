// What a scalar field takes. Shared by the binary encoder and the JSON writer, so that both refuse the same values.
import { FieldProblem, showValue } from "./field-problem.ts";
import { INT64_MAX, INT64_MIN, UINT64_MAX } from "./int64.ts";
import type { EnumPlan, ScalarKind } from "./message-plan.ts";

/** Returns the value itself; 64-bit integers come back as bigint. Throws `FieldProblem` for anything else. */
export function checkScalar(kind: ScalarKind, value: unknown): unknown {
  switch (kind) {
    case "string":
      return checkString(value);
    case "int32":
      return checkInteger(value, -0x8000_0000, 0x7fff_ffff);
    case "uint32":
      return checkInteger(value, 0, 0xffff_ffff);
    case "int64":
      return checkLong(value, INT64_MIN, INT64_MAX);
    case "uint64":
      return checkLong(value, 0n, UINT64_MAX);
    case "bool":
      if (typeof value === "boolean") return value;
      throw new FieldProblem(`expected a boolean, got ${showValue(value)}`);
    case "double":
      if (typeof value === "number") return value;
      throw new FieldProblem(`expected a number, got ${showValue(value)}`);
    case "float":
      return checkFloat(value);
    case "bytes":
      if (value instanceof Uint8Array) return value;
      throw new FieldProblem(`expected a Uint8Array, got ${showValue(value)}`);
  }
}

function checkString(value: unknown): string {
  if (typeof value !== "string") throw new FieldProblem(`expected a string, got ${showValue(value)}`);
  if (!isWellFormed(value))
    throw new FieldProblem("the string holds half of a surrogate pair, which UTF-8 cannot carry");
  return value;
}

/** In every Node since 20, but not among the types of ES2023. */
function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

function checkInteger(value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new FieldProblem(`expected an integer, got ${showValue(value)}`);
  }
  if (value < min || value > max) throw new FieldProblem(`${value} is out of range, ${min} to ${max}`);
  return value;
}

function checkLong(value: unknown, min: bigint, max: bigint): bigint {
  if (typeof value === "bigint") {
    if (value < min || value > max) throw new FieldProblem(`${value} is out of range, ${min} to ${max}`);
    return value;
  }
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new FieldProblem(`expected a bigint or an integer, got ${showValue(value)}`);
  }
  if (!Number.isSafeInteger(value)) {
    throw new FieldProblem(`the number ${value} is beyond the integers a number holds exactly; give a bigint`);
  }
  if (value < 0 && min === 0n) throw new FieldProblem(`${value} is out of range, ${min} to ${max}`);
  return BigInt(value);
}

const FLOAT_MAX = 3.4028234663852886e38;

function checkFloat(value: unknown): number {
  if (typeof value !== "number") throw new FieldProblem(`expected a number, got ${showValue(value)}`);
  if (Number.isFinite(value) && Math.abs(value) > FLOAT_MAX) {
    throw new FieldProblem(`${value} is out of range for a 32-bit float`);
  }
  return value;
}

/** The number of an enum value given by name or by number. An open enum takes any 32-bit integer. */
export function checkEnum(plan: EnumPlan, value: unknown): number {
  if (typeof value === "string") {
    const number = plan.numberOf.get(value);
    if (number !== undefined) return number;
    throw new FieldProblem(`${plan.typeName} has no value of this name${suggest(value, plan.numberOf.keys())}`);
  }
  if (typeof value !== "number") {
    throw new FieldProblem(`expected the name or number of a ${plan.typeName}, got ${showValue(value)}`);
  }
  checkInteger(value, -0x8000_0000, 0x7fff_ffff);
  if (plan.closed && !plan.nameOf.has(value)) throw new FieldProblem(`${plan.typeName} has no value ${value}`);
  return value;
}

/** The key of a map entry as its field's kind spells it; "01" and "1" are not the same property but the same key. */
export function checkMapKey(kind: ScalarKind, key: string): string {
  if (kind === "string") return checkString(key);
  if (kind === "bool") {
    if (key === "true" || key === "false") return key;
    throw new FieldProblem("expected true or false as a map key");
  }
  if (!/^(0|-?[1-9][0-9]{0,19})$/.test(key)) throw new FieldProblem("expected a decimal integer as a map key");
  if (kind === "int64") checkLong(BigInt(key), INT64_MIN, INT64_MAX);
  else if (kind === "uint64") checkLong(BigInt(key), 0n, UINT64_MAX);
  else checkScalar(kind, Number(key));
  return key;
}

/** `; did you mean "x"?` if a candidate differs by case, underscores or a letter or two, else a short list or nothing. */
export function suggest(name: string, candidates: Iterable<string>): string {
  const wanted = plain(name);
  const all = [...candidates];
  const near = all.find((candidate) => plain(candidate) === wanted || isOneEditAway(plain(candidate), wanted));
  if (near !== undefined) return `; did you mean ${JSON.stringify(near)}?`;
  return all.length > 0 && all.length <= 12 ? `; there is ${all.join(", ")}` : "";
}

function plain(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}

/** One character added, left out or replaced. */
function isOneEditAway(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return Math.max(a.length, b.length) - start - end <= 1;
}
