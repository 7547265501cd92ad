// What translators of Kubernetes' resources hand to the reconciler, and what it hands back.
import type { MeshDocument } from "@malla/sdk/contract";

/** A document that a resource of Kubernetes wants in the mesh. */
export interface WantedDocument {
  /** `kubernetes/<namespace>/<Kind>/<name>` of the resource; see `OWNER_ANNOTATION`. */
  readonly owner: string;
  /** ISO instant of the resource's creation: of two that want the same document the older one gets it. */
  readonly createdAt: string;
  /** In its normal form, without the annotation of its owner, which the reconciler writes. */
  readonly document: MeshDocument;
  /** The resource says that it takes the document from whoever uses `malla apply`. Default false. */
  readonly takeOver?: boolean;
}

/** What became of a wish. */
export interface Verdict {
  /**
   * `invalid`: the document, or the policy with it, has an error. `conflict`: somebody else owns the document of this name.
   */
  readonly type: "accepted" | "invalid" | "conflict";
  /** For people; names the failing path, or the owner. */
  readonly message: string;
}
