// What changes between two sets of documents, field by field.
import type { MeshDocument } from "../contract/documents.ts";
import { type FieldPath, formatFieldPath } from "./field-path.ts";
import { isMap } from "./metadata.ts";
import { documentName, normaliseDocument } from "./normalise.ts";

export interface DocumentChange {
  /** `Route/catalog-canary` */
  readonly document: string;
  readonly change: "added" | "removed" | "changed";
  readonly before?: MeshDocument;
  readonly after?: MeshDocument;
  /** What differs, in the order of the schema; empty unless the change is `changed`. */
  readonly fields: readonly FieldChange[];
}

/** `before` is absent for a field that is new, `after` for one that is gone. */
export interface FieldChange {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * The changes that lead from one set to the other, sorted by document. Documents that mean the same are no change,
 * however they were written; neither is `createdAt`, which belongs to the mesh and not to an author. Throws as
 * `normaliseDocument` does.
 */
export function diffDocuments(
  before: readonly MeshDocument[],
  after: readonly MeshDocument[],
): readonly DocumentChange[] {
  const old = byName(before);
  const fresh = byName(after);
  const names = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  return names.flatMap((name) => changeOf(name, old.get(name), fresh.get(name)) ?? []);
}

function byName(documents: readonly MeshDocument[]): ReadonlyMap<string, MeshDocument> {
  return new Map(documents.map((document) => [documentName(document), normaliseDocument(document)]));
}

function changeOf(name: string, before?: MeshDocument, after?: MeshDocument): DocumentChange | undefined {
  if (before === undefined) return after && { document: name, change: "added", after, fields: [] };
  if (after === undefined) return { document: name, change: "removed", before, fields: [] };
  const fields = fieldChanges(authored(before), authored(after), []);
  return fields.length === 0 ? undefined : { document: name, change: "changed", before, after, fields };
}

function authored({ metadata: { createdAt: _createdAt, ...metadata }, spec }: MeshDocument): object {
  return { metadata, spec };
}

function fieldChanges(before: unknown, after: unknown, path: FieldPath): FieldChange[] {
  if (before === undefined && after === undefined) return [];
  if (isMap(before) && isMap(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => fieldChanges(before[name], after[name], [...path, name]));
  }
  if (isListOfMaps(before) && isListOfMaps(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) => fieldChanges(before[index], after[index], [...path, index])).flat();
  }
  if (before !== undefined && after !== undefined && JSON.stringify(before) === JSON.stringify(after)) return [];
  const sides = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
  return [{ path: formatFieldPath(path), ...sides }];
}

function isListOfMaps(value: unknown): value is readonly Record<string, unknown>[] {
  return Array.isArray(value) && value.every(isMap);
}

/** The changes as text: a line per document (`+`, `-`, `~`), and below a changed one a line per field. */
export function formatDiff(changes: readonly DocumentChange[]): string {
  const signs = { added: "+", removed: "-", changed: "~" } as const;
  return changes
    .flatMap(({ document, change, fields }) => [`${signs[change]} ${document}`, ...fields.map(formatField)])
    .join("\n");
}

function formatField({ path, before, after }: FieldChange): string {
  if (before === undefined) return `    + ${path}: ${JSON.stringify(after)}`;
  if (after === undefined) return `    - ${path}: ${JSON.stringify(before)}`;
  return `    ~ ${path}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
}
