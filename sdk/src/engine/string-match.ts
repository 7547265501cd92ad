// A condition on one header: exact, prefix, regex or presence.
import type { StringMatch } from "../contract/documents.ts";
import type { Findings } from "./problem.ts";
import { compileRegex, type LinearRegex } from "./regex/linear-regex.ts";

export interface HeaderCondition {
  /** Lower case. */
  readonly name: string;
  readonly kind: "exact" | "prefix" | "regex" | "present" | "absent";
  /** The text of `exact` and `prefix`, and what a `regex` begins with for certain. */
  readonly text: string;
  readonly regex: LinearRegex | undefined;
}

/** What a condition asks of its value, as written: two equal ones match the same. */
export function describeCondition({ name, kind, text, regex }: HeaderCondition): string {
  return JSON.stringify([name, kind, regex === undefined ? text : regex.source]);
}

export function headerMatches(condition: HeaderCondition, value: string | undefined): boolean {
  if (value === undefined) return condition.kind === "absent";
  switch (condition.kind) {
    case "exact":
      return value === condition.text;
    case "prefix":
      return value.startsWith(condition.text);
    case "regex":
      return (condition.regex as LinearRegex).matches(value);
    case "present":
      return true;
    case "absent":
      return false;
  }
}

const ALTERNATIVES = ["exact", "prefix", "regex", "present"] as const;

/** RFC 9110 token characters. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Compiles the header conditions of a match or rule, in name order. Problems go to `findings`; what has one is left out. */
export function compileHeaders(
  headers: Readonly<Record<string, StringMatch>> | undefined,
  path: string,
  findings: Findings,
): HeaderCondition[] {
  const conditions: HeaderCondition[] = [];
  const seen = new Set<string>();
  if (headers !== undefined && (typeof headers !== "object" || headers === null || Array.isArray(headers))) {
    findings.error(path, "is an object of header names");
    return conditions;
  }
  for (const [written, match] of Object.entries(headers ?? {})) {
    const name = written.toLowerCase();
    const at = `${path}.${written}`;
    if (seen.has(name)) findings.error(at, `header ${name} is named twice in different case: keep one`);
    seen.add(name);
    if (!HEADER_NAME.test(name)) findings.error(at, "is no header name");
    const condition = compileStringMatch(name, match, at, findings);
    if (condition !== undefined) conditions.push(condition);
  }
  return conditions.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function compileStringMatch(
  name: string,
  match: StringMatch,
  path: string,
  findings: Findings,
): HeaderCondition | undefined {
  const set = ALTERNATIVES.filter((alternative) => match[alternative] !== undefined);
  const kind = set[0];
  if (kind === undefined || set.length > 1) {
    const found = set.length === 0 ? "none is set" : `${set.join(" and ")} are set`;
    findings.error(path, `exactly one of exact, prefix, regex and present is needed, but ${found}`);
    return undefined;
  }
  if (kind === "present")
    return Object.freeze({ name, kind: match.present === true ? "present" : "absent", text: "", regex: undefined });
  if (kind !== "regex") return Object.freeze({ name, kind, text: String(match[kind]), regex: undefined });
  const regex = compileRegex(String(match.regex));
  if (typeof regex === "string") {
    findings.error(`${path}.regex`, regex);
    return undefined;
  }
  return Object.freeze({ name, kind, text: regex.prefix, regex });
}
