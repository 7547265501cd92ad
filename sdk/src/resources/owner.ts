// Who owns a document in the mesh, so that `kubectl` and `malla` do not undo each other's work: one owner a document, said in
// an annotation; without it, it is whoever uses `malla apply`.
import type { MeshDocument } from "../contract/documents.ts";

/** `kubernetes/<namespace>/<Kind>/<name>`: the resource a document comes from. Written by the operator alone. */
export const OWNER_ANNOTATION = "malla.dev/owner";
const KUBERNETES = "kubernetes";

/** A resource of Kubernetes as owner. */
export interface KubernetesOwner {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

/** What the annotation says; undefined: whoever uses `malla apply`. */
export function ownerOf({ metadata }: Pick<MeshDocument, "metadata">): string | undefined {
  return metadata.annotations?.[OWNER_ANNOTATION];
}

export function formatOwner({ namespace, kind, name }: KubernetesOwner): string {
  return [KUBERNETES, namespace, kind, name].join("/");
}

/** Undefined for an owner that is no resource of Kubernetes. */
export function parseOwner(owner: string | undefined): KubernetesOwner | undefined {
  const [system, namespace, kind, name, ...more] = owner?.split("/") ?? [];
  if (system !== KUBERNETES || !namespace || !kind || !name || more.length > 0) return undefined;
  return { namespace, kind, name };
}

/** For people: `Route catalog in namespace shop of Kubernetes`. */
export function describeOwner(owner: string | undefined): string {
  if (owner === undefined) return "whoever uses `malla apply`";
  const found = parseOwner(owner);
  return found === undefined ? owner : `${found.kind} ${found.name} in namespace ${found.namespace} of Kubernetes`;
}

/** What to type to change what a resource of Kubernetes owns; undefined for any other owner. */
export function kubectlEdit(owner: string | undefined): string | undefined {
  const found = parseOwner(owner);
  return found && `kubectl edit ${found.kind.toLowerCase()} ${found.name} -n ${found.namespace}`;
}

/** The same document with another owner, or with none. The input is not touched. */
export function withOwner<Document extends MeshDocument>(document: Document, owner: string | undefined): Document {
  const { annotations = {}, ...metadata } = document.metadata;
  const { [OWNER_ANNOTATION]: _before, ...others } = annotations;
  const kept = owner === undefined ? others : { ...others, [OWNER_ANNOTATION]: owner };
  const all = Object.keys(kept).length === 0 ? metadata : { ...metadata, annotations: kept };
  return { ...document, metadata: all };
}
