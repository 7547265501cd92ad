// The engine's word on the policy as it would be, told apart by document: what is wrong in one must not hold up the others.
import type { MeshDocument } from "@malla/sdk/contract";
import { compile, type Problem } from "@malla/sdk/engine";
import { documentName } from "@malla/sdk/resources";

/** A document that would be put. */
export interface Candidate {
  readonly document: MeshDocument;
  /** What is in force of it, and stays so if this cannot be. */
  readonly before: MeshDocument | undefined;
}

export interface Checked {
  /** By `Kind/name`: path and what is wrong there. A candidate in it must not be written. */
  readonly errors: ReadonlyMap<string, string>;
  readonly warnings: ReadonlyMap<string, string>;
}

/**
 * `kept` are documents in force that stay as they are; of the candidates the one that should win stands first. Of two that
 * cannot stand together the one in force stays, then the first. Errors of documents in force that were there before are told,
 * and hold up nobody.
 */
export function checkTogether(kept: readonly MeshDocument[], candidates: readonly Candidate[]): Checked {
  const errors = new Map<string, string>();
  const standing = [...kept];
  let open = candidates;
  for (;;) {
    const { problems } = compile([...standing, ...open.map(({ document }) => document)], 1);
    const wrong = refusedOf(standing, open, problems.filter(isError));
    if (wrong.size === 0) {
      const left = byDocument(problems.filter(isError));
      const warnings = byDocument(problems.filter((problem) => !isError(problem)));
      return { errors: new Map([...left, ...errors]), warnings };
    }
    for (const { document, before } of open) {
      const message = wrong.get(documentName(document));
      if (message === undefined) continue;
      errors.set(documentName(document), message);
      if (before !== undefined) standing.push(before);
    }
    open = open.filter(({ document }) => !wrong.has(documentName(document)));
  }
}

/** Candidates that cannot be, with why: those that are named, else the first with which something in force goes wrong. */
function refusedOf(
  standing: readonly MeshDocument[],
  open: readonly Candidate[],
  problems: readonly Problem[],
): ReadonlyMap<string, string> {
  if (problems.length === 0) return new Map();
  const named = byDocument(problems);
  const wrong = open.map(({ document }) => documentName(document)).filter((id) => named.has(id));
  if (wrong.length > 0) return new Map(wrong.map((id) => [id, named.get(id) as string]));
  const before = new Set(errorsIn(standing).map(keyOf));
  const good = [...standing];
  for (const { document } of open) {
    good.push(document);
    const problem = errorsIn(good).find((one) => !before.has(keyOf(one)));
    if (problem === undefined) continue;
    return new Map([[documentName(document), `with it ${problem.document} would be wrong: ${textOf(problem)}`]]);
  }
  return new Map();
}

function errorsIn(documents: readonly MeshDocument[]): readonly Problem[] {
  return compile(documents, 1).problems.filter(isError);
}

function isError({ severity }: Problem): boolean {
  return severity === "error";
}

/** At most so many problems of one document are told. */
const MAX_TOLD = 5;

function byDocument(problems: readonly Problem[]): Map<string, string> {
  const lists = new Map<string, Problem[]>();
  for (const problem of problems) lists.set(problem.document, [...(lists.get(problem.document) ?? []), problem]);
  return new Map([...lists].map(([id, list]) => [id, told(list)]));
}

function told(list: readonly Problem[]): string {
  const more = list.length - MAX_TOLD;
  return `${list.slice(0, MAX_TOLD).map(textOf).join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}

function textOf({ path, message }: Problem): string {
  return `${path}: ${message}`;
}

function keyOf({ document, path, message }: Problem): string {
  return `${document} ${path} ${message}`;
}
