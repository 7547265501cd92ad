// Documents that come from resources of Kubernetes: changed here they would be changed back there a moment later, so that is
// refused unless it is meant.
import type { MeshDocument } from "@malla/sdk/contract";
import { describeOwner, documentName, kubectlEdit, ownerOf } from "@malla/sdk/resources";
import { Failure } from "../failure.ts";

/** The flag that changes owners on purpose. */
export const TAKE_OVER = ["--take-over", "become the owner of what a resource of Kubernetes owns"] as const;

/** Throws a Failure that lists those of `names` (`Kind/name`) that Kubernetes owns, and where they are to be changed. */
export function refuseOwned(present: readonly MeshDocument[], names: ReadonlySet<string>): void {
  const lines = present.flatMap((document) => {
    const owner = ownerOf(document);
    const edit = kubectlEdit(owner);
    if (edit === undefined || !names.has(documentName(document))) return [];
    return [`${documentName(document)} is owned by ${describeOwner(owner)}: change it there (${edit})`];
  });
  if (lines.length === 0) return;
  throw new Failure(
    `${lines.join("\n")}\nnothing was changed; with --take-over whoever uses \`malla\` becomes the owner, and the resource is told`,
  );
}
