// How a wrong value deep inside a message gets its path. The path is put together while the error climbs, so that a
// call without errors pays nothing for it.

/** Thrown where a value is wrong; every level on the way out puts its own segment in front. */
export class FieldProblem extends Error {
  readonly problem: string;
  #path = "";

  constructor(problem: string) {
    super(problem);
    this.name = "FieldProblem";
    this.problem = problem;
  }

  /** `.items`, `[2]` or `["key"]`. */
  at(segment: string): this {
    this.#path = segment + this.#path;
    return this;
  }

  pathFrom(typeName: string): string {
    return typeName + this.#path;
  }
}

/** The segment for a map key or a field whose name is no identifier. */
export function keySegment(key: string): string {
  return `[${JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key)}]`;
}

/** A value as an error shows it: its kind, and a number itself. Texts are not shown: errors reach logs, and a text may be a secret. */
export function showValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `a string of ${value.length} characters`;
    case "number":
    case "boolean":
      return `the ${typeof value} ${value}`;
    case "bigint":
      return `the bigint ${value}`;
    case "object":
      return value === null ? "null" : showObject(value);
    default:
      return `a ${typeof value}`;
  }
}

function showObject(value: object): string {
  if (Array.isArray(value)) return "an array";
  if (value instanceof Uint8Array) return "bytes";
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== "Object" ? `a ${name}` : "an object";
}
