// Text of a server configuration, and what cannot stand in one.
import type { FromEnvironment } from "./options.ts";

const VARIABLE = /^[A-Z_][A-Z0-9_]*$/;
const ADDRESS = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/;

/** A quoted text. Throws for what would end it. */
export function quote(text: string): string {
  if (/[\n\r"]/.test(text))
    throw new Error(`${JSON.stringify(text)} cannot stand in a server configuration: it has a quote or a line break`);
  return `"${text.replaceAll("\\", "\\\\")}"`;
}

/** A text, or the variable that holds it: the server looks up what is not quoted. */
export function textOrVariable(value: string | FromEnvironment): string {
  if (typeof value === "string") return quote(value);
  if (!VARIABLE.test(value.environment))
    throw new Error(`${JSON.stringify(value.environment)} is no name of a variable: use A-Z, 0-9 and _`);
  return `$${value.environment}`;
}

export function port(value: number): number {
  if (value === -1 || (Number.isInteger(value) && value >= 1 && value <= 65_535)) return value;
  throw new Error(`${value} is no port: use 1 to 65535, or -1 for any free one`);
}

/** `host:port`, checked, so that nothing else comes into a URL that holds a password. */
export function address(text: string): string {
  const found = ADDRESS.exec(text);
  if (found === null || Number(found[1]) < 1 || Number(found[1]) > 65_535)
    throw new Error(`${JSON.stringify(text)} is no address: use host:port`);
  return text;
}

export function positive(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`${name} is ${value}; it must be a whole number above 0`);
}

/** A block with its lines one level deeper. */
export function block(name: string, lines: readonly string[]): string[] {
  return [`${name} {`, ...lines.map((line) => `  ${line}`), "}"];
}
