import assert from "node:assert/strict";
import { it } from "node:test";
import { formatProblem, formatProblemWithSource } from "./format-problem.ts";
import { parseDocuments } from "./parse-yaml.ts";

const text =
  "apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: x }\nspec:\n  match: { service: a }\n  timeoutMs: 2s\n";
const [problem] = parseDocuments(text, { file: "route.yaml" }).problems;
assert.ok(problem);

it("writes one line", () => {
  const want =
    'route.yaml:6:14: Route/x spec.timeoutMs: must be a whole number, is the text "2s" (write milliseconds: 2000)';
  assert.equal(formatProblem(problem), want);
  assert.equal(
    formatProblem({ file: "-", line: 1, column: 1, document: "document 1", path: "", message: "is odd" }),
    "-:1:1: document 1: is odd",
  );
});

it("shows the line with a caret below", () => {
  assert.deepEqual(formatProblemWithSource(problem, text).split("\n").slice(1), [
    "  6 |   timeoutMs: 2s",
    "    |              ^",
  ]);
});

it("keeps the caret in sight on a long line", () => {
  const long = `${"x".repeat(300)}HERE${"y".repeat(300)}`;
  const [, line = "", caret = ""] = formatProblemWithSource({ ...problem, line: 1, column: 301 }, long).split("\n");
  assert.ok(line.length < 110);
  assert.equal(line.slice(caret.indexOf("^")).slice(0, 4), "HERE");
});

it("lets nothing of a file write to the terminal", () => {
  const hostile = "\u001b[2Jkind: Route\u202e\ta";
  const { problems } = parseDocuments(hostile, { file: "a\u001b[31m\nb" });
  assert.ok(problems.length > 0);
  for (const one of problems)
    assert.doesNotMatch(formatProblemWithSource(one, hostile).replaceAll("\n", ""), /[\p{Cc}\u202e]/u);
  assert.equal(formatProblemWithSource(problem, ""), formatProblem(problem));
});
