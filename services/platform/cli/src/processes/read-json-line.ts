// What programs of ours say on their standard output: one JSON object a line.

/** The object of a line; empty for a line that is something else. */
export function readJsonLine<Content extends object>(line: string): Partial<Content> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Partial<Content>) : {};
  } catch {
    return {};
  }
}
