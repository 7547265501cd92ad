// One document, from plain values to its normal form or the list of what is wrong with it.
import { API_VERSION, type MeshDocument } from "../contract/documents.ts";
import { withSpelledOn } from "./bare-on.ts";
import { describeIssue, describeValue, type FieldProblem } from "./describe-issue.ts";
import type { FieldPath } from "./field-path.ts";
import { documentSchema, isKind, kindDefinitions } from "./kinds.ts";
import { isMap, withoutBookkeeping } from "./metadata.ts";
import { nearestName } from "./nearest-name.ts";

export type Validated =
  | { readonly document: MeshDocument; readonly problems: readonly [] }
  | { readonly document: undefined; readonly problems: readonly FieldProblem[] };

export interface ValidateOptions {
  /** How a scalar at a path is spelled in its file: makes hints exact. */
  readonly sourceOf?: (path: FieldPath) => string | undefined;
}

/**
 * Checks one document and fills in every default. What Kubernetes keeps in a document (`status`, `metadata.uid`, …) is
 * dropped. The input is not touched. Never throws.
 */
export function validateDocument(input: unknown, { sourceOf }: ValidateOptions = {}): Validated {
  if (!isMap(input))
    return refused([
      { path: [], message: `must be a map with apiVersion, kind, metadata and spec, is ${describeValue(input)}` },
    ]);
  const header = headerProblems(input);
  if (header.length > 0 || !isKind(input.kind)) return refused(header);
  const { status: _status, ...written } = input;
  const result = documentSchema(input.kind).safeParse({
    ...written,
    metadata: withoutBookkeeping(written.metadata),
    ...("spec" in written ? { spec: withSpelledOn(written.spec) } : {}),
  });
  if (result.success) return { document: result.data, problems: [] };
  const context = { kind: input.kind, document: input, sourceOf };
  return refused(result.error.issues.flatMap((issue) => describeIssue(issue, context)));
}

function refused(problems: readonly FieldProblem[]): Validated {
  return { document: undefined, problems };
}

/** Without a known kind and version there is nothing to check the rest against. */
function headerProblems({ apiVersion, kind }: Record<string, unknown>): FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (apiVersion === undefined)
    problems.push({ path: ["apiVersion"], message: "is required", hint: `write apiVersion: ${API_VERSION}` });
  else if (apiVersion !== API_VERSION) {
    problems.push({ path: ["apiVersion"], message: `must be ${API_VERSION}, is ${describeValue(apiVersion)}` });
  }
  if (isKind(kind)) return problems;
  const known = kindDefinitions.map((definition) => definition.kind);
  const list = `known kinds: ${known.join(", ")}`;
  if (kind === undefined) return [...problems, { path: ["kind"], message: "is required", hint: list }];
  const meant = typeof kind === "string" ? nearestName(kind, known) : undefined;
  const hint = meant === undefined ? list : `did you mean "${meant}"? ${list}`;
  return [...problems, { path: ["kind"], message: `is not a known kind: ${describeValue(kind)}`, hint }];
}
