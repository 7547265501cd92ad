// What a set of documents would change of the policy in force: one calculation behind apply, its dry run, and diff.
import type { MeshDocument } from "@malla/sdk/contract";
import type { PolicySnapshot } from "@malla/sdk/discovery";
import { type DocumentChange, diffDocuments, documentName } from "@malla/sdk/resources";
import { refuseOwned } from "./owned-documents.ts";
import { checkTogether, type ReadDocument, withDocuments } from "./read-documents.ts";

export interface PlannedChange {
  /** What was in force when this was worked out; the write holds only if it still is. */
  readonly base: PolicySnapshot;
  /** The documents that were read, as they would be stored. */
  readonly put: readonly MeshDocument[];
  readonly changes: readonly DocumentChange[];
  readonly warnings: readonly string[];
}

/** What happens to owners: left as they are, for looking only; refused where it is Kubernetes; taken. */
export type Owners = "keep" | "refuse" | "take-over";

/**
 * Throws a Failure, with file and line, if the policy as a whole would have an error, and where a document is owned by
 * Kubernetes and `owners` is `refuse`.
 */
export function planChange(
  base: PolicySnapshot,
  read: readonly ReadDocument[],
  now: string,
  owners: Owners = "refuse",
): PlannedChange {
  const before = base.documents.map(({ document }) => document);
  const names = new Set(read.map(({ document }) => documentName(document)));
  if (owners === "refuse") refuseOwned(before, names);
  const after = withDocuments(before, read, now, { keepOwners: owners === "keep" });
  const warnings = checkTogether(after, read);
  return {
    base,
    put: after.filter((document) => names.has(documentName(document))),
    changes: diffDocuments(before, after),
    warnings,
  };
}
