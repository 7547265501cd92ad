// Which methods of a mesh service a path or a name in a rule means.
import { isMethodName } from "@malla/sdk/contract";
import { expandRegex, SOME } from "./expand-regex.ts";
import { brief } from "./refusals.ts";

/** Methods or patterns as a Route has them; undefined: every method. */
export interface Methods {
  readonly methods: readonly string[] | undefined;
}

export const EVERY_METHOD: Methods = Object.freeze({ methods: undefined });
const PATTERN = /^[A-Za-z*][A-Za-z0-9_*]{0,127}$/;
const FORMS = "a path of the mesh is /<method> or /<service>/<method>";

/** A call of method `list` of service `catalog` has the path `/list`, in full `/catalog/list`. A text is a refusal. */
export function methodsOfPath(type: string, path: string, service: string): Methods | string {
  switch (type) {
    case "Exact":
      return methodOfPath(path, service);
    case "PathPrefix":
      return methodsUnder(path, service);
    case "RegularExpression":
      return patternsOf(path, (pattern) => withoutSlashes(pattern, service));
    default:
      return `path type ${brief(type)} is not supported`;
  }
}

/** An expression over the whole name of a method. */
export function methodsOfRegex(source: string): Methods | string {
  return patternsOf(source, (pattern) => pattern);
}

function methodOfPath(path: string, service: string): Methods | string {
  const [root, first, ...rest] = path.split("/");
  if (root !== "" || first === undefined) return `${brief(path)} does not begin with /; ${FORMS}`;
  const method = rest.length === 1 && first === service ? rest[0] : rest.length === 0 ? first : undefined;
  if (method !== undefined && isMethodName(method)) return { methods: [method] };
  return `${brief(path)} is the path of no method of ${service}; ${FORMS}`;
}

/** Whole elements of a path: below a method there is nothing, so `/list` means that method and `/` all. */
function methodsUnder(path: string, service: string): Methods | string {
  const trimmed = path.replace(/\/$/, "");
  if (path.startsWith("/") && (trimmed === "" || trimmed === `/${service}`)) return EVERY_METHOD;
  return methodOfPath(trimmed, service);
}

function patternsOf(source: string, toMethod: (pattern: string) => string): Methods | string {
  const expanded = expandRegex(source);
  if (typeof expanded === "string") return `the expression ${brief(source)} ${expanded}`;
  const patterns = new Set<string>();
  for (const pattern of expanded) {
    const method = asPattern(toMethod(pattern));
    if (method === "*") return EVERY_METHOD;
    if (method === undefined) return `the expression ${brief(source)} ${whyNot(pattern)}`;
    patterns.add(method);
  }
  return { methods: [...patterns].sort() };
}

/** Every method has a character, so a pattern that only asks for one asks for nothing. */
function asPattern(pattern: string): string | undefined {
  const merged = pattern.replace(/[*\uE000]{2,}/g, (run) => (run.includes(SOME) ? SOME : "*"));
  if (merged === SOME) return "*";
  return PATTERN.test(merged) ? merged : undefined;
}

function whyNot(pattern: string): string {
  if (pattern.includes(SOME)) return "has .+ beside other characters: patterns only have .*";
  return `matches ${brief(pattern)}, which is no method`;
}

function withoutSlashes(pattern: string, service: string): string {
  for (const lead of [`/${service}/`, "/", "*/", `${SOME}/`]) {
    if (pattern.startsWith(lead)) return pattern.slice(lead.length);
  }
  // A path begins with /, so any character at the beginning may be that one.
  return pattern.startsWith("*") ? pattern : pattern.startsWith(SOME) ? `*${pattern.slice(1)}` : `/${pattern}`;
}
