// Translated routes → what the reconciler of documents is asked for.
import type { MeshDocument } from "@malla/sdk/contract";
import type { TranslatedRoute } from "./translate-routes.ts";

/** A document with the resource it belongs to; `documents/wanted.ts` has the same. */
export interface OwnedDocument {
  /** `kubernetes/<namespace>/<Kind>/<name>`. */
  readonly owner: string;
  /** ISO instant of the resource's creation. */
  readonly createdAt: string;
  readonly document: MeshDocument;
}

export function wantedDocuments(routes: readonly TranslatedRoute[]): readonly OwnedDocument[] {
  return routes.flatMap(({ route, documents }) =>
    documents.map((document) => ({ owner: routeOwner(route), createdAt: createdAt(route), document })),
  );
}

/** What the mesh calls the owner of a route's documents. */
export function routeOwner({ kind, metadata: { namespace, name } }: TranslatedRoute["route"]): string {
  return `kubernetes/${namespace}/${kind}/${name}`;
}

function createdAt({ metadata }: TranslatedRoute["route"]): string {
  return metadata.creationTimestamp ?? "";
}
