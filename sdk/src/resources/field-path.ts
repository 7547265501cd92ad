// Where in a document something stands.

export type FieldPath = readonly PropertyKey[];

/** As it is written in messages: `spec.destinations[1].weight`, `spec.match.headers["x-beta"]`. */
export function formatFieldPath(path: FieldPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(String(step))) text += text === "" ? String(step) : `.${String(step)}`;
    else text += `[${JSON.stringify(String(step))}]`;
  }
  return text;
}

/** The value at a path, or undefined. */
export function valueAt(root: unknown, path: FieldPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

/**
 * Reads a path as other parts of the mesh write it, names in quotes or not, by following it through the value: names may
 * hold dots. Goes as far as it leads, and never into a list of words, whose order in the text was another.
 */
export function followFieldPath(root: unknown, text: string): FieldPath {
  const path: PropertyKey[] = [];
  let value = root;
  let rest = text;
  while (typeof value === "object" && value !== null && rest !== "") {
    if (Array.isArray(value) && !value.every((item) => typeof item === "object")) break;
    const step = nextStep(Object.keys(value), rest, Array.isArray(value));
    if (step === undefined) break;
    path.push(Array.isArray(value) ? Number(step.name) : step.name);
    value = (value as Record<string, unknown>)[step.name];
    rest = rest.slice(step.length);
  }
  return path;
}

/** The longest name that the text begins with, in one of its spellings. */
function nextStep(
  names: readonly string[],
  text: string,
  isList: boolean,
): { name: string; length: number } | undefined {
  const candidates = names.flatMap((name) => {
    const spellings = isList ? [`[${name}]`] : [name, `.${name}`, `[${JSON.stringify(name)}]`];
    return spellings.map((spelling) => ({ name, spelling }));
  });
  const fitting = candidates.filter(
    ({ spelling }) => text.startsWith(spelling) && /^(?:$|[.[])/.test(text.slice(spelling.length)),
  );
  const longest = fitting.sort((a, b) => b.spelling.length - a.spelling.length)[0];
  return longest && { name: longest.name, length: longest.spelling.length };
}
