// Problems as people read them: one line each, or with the line of the file and a caret below.
import type { ResourceProblem } from "./parse-yaml.ts";

/** `route.yaml:12:7: Route/catalog spec.timeoutMs: must be at most 300000, is 400000 (hint)`, without control characters. */
export function formatProblem({ file, line, column, document, path, message, hint }: ResourceProblem): string {
  const subject = path === "" ? document : `${document} ${path}`;
  return plain(`${file}:${line}:${column}: ${subject}: ${message}${hint === undefined ? "" : ` (${hint})`}`);
}

const MAX_EXCERPT = 100;

/** The same with an excerpt of the text the problem is about: three lines, the last one a caret. */
export function formatProblemWithSource(problem: ResourceProblem, text: string): string {
  const source = lineOf(text.startsWith("\ufeff") ? text.slice(1) : text, problem.line);
  if (source === undefined) return formatProblem(problem);
  // A long line is cut so that the column stays in sight.
  const from = Math.max(0, problem.column - 1 - MAX_EXCERPT / 2);
  const shown = source.slice(from, from + MAX_EXCERPT);
  const gutter = String(problem.line);
  const pad = " ".repeat(widthOf(plain(source.slice(from, problem.column - 1))));
  return [formatProblem(problem), `  ${gutter} | ${plain(shown)}`, `  ${" ".repeat(gutter.length)} | ${pad}^`].join(
    "\n",
  );
}

function lineOf(text: string, line: number): string | undefined {
  let start = 0;
  for (let skipped = 1; skipped < line; skipped++) {
    const end = text.indexOf("\n", start);
    if (end < 0) return undefined;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  return text.slice(start, end < 0 ? undefined : end).replace(/\r$/, "");
}

/** Tabs and control characters become blanks, one for one: a file cannot write to the terminal. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, " ");
}

/** Code points, which is close enough to terminal cells for the names and values of resources. */
function widthOf(text: string): number {
  return [...text].length;
}
