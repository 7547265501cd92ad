// JSON data as a TypeScript literal that can be read: what fits on a line stands on a line.

const WIDTH = 116;

/** Prints objects, arrays, strings, numbers and booleans. Deterministic: keys keep their order. */
export function printLiteral(value: unknown, indent: string): string {
  const line = printLine(value);
  if (line.length + indent.length <= WIDTH || typeof value !== "object" || value === null) return line;
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const members = Array.isArray(value)
    ? value.map((item) => printLiteral(item, inner))
    : Object.entries(value).map(([key, item]) => `${printKey(key)}: ${printLiteral(item, inner)}`);
  return `${open}\n${members.map((member) => `${inner}${member},\n`).join("")}${indent}${close}`;
}

function printLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printLine).join(", ")}]`;
  if (typeof value !== "object" || value === null) return printPrimitive(value);
  const members = Object.entries(value).map(([key, item]) => `${printKey(key)}: ${printLine(item)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

/** A default in a .proto file may be inf or nan, which JSON cannot say. */
function printPrimitive(value: unknown): string {
  return typeof value === "number" ? String(Object.is(value, -0) ? "-0" : value) : JSON.stringify(value);
}

/** A literal member `__proto__: {}` would set the prototype. */
function printKey(key: string): string {
  if (key === "__proto__") return `["__proto__"]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}
