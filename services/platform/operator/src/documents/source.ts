// Where wishes come from: kinds of resources that become documents of the mesh, each with a status of its own shape.
import type { Spread } from "../mesh/router-revisions.ts";
import type { Outcome } from "./reconcile.ts";
import type { MeshState } from "./status.ts";
import type { WantedDocument } from "./wanted.ts";

export interface Wishes {
  readonly wanted: readonly WantedDocument[];
  /** See `ReconcileInput`. */
  readonly standing: ReadonlyMap<string, string>;
}

/** What a pass found out, for the status of each resource. */
export interface PassResult {
  /** By owner; undefined: the policy could not be read. */
  readonly outcomes: ReadonlyMap<string, Outcome> | undefined;
  readonly mesh: MeshState;
  /**
   * Revision that first carried a document in this form. `known` is what the resource's status says: it holds after a restart.
   */
  readonly revisionOf: (id: string, hash: string, known?: number) => number;
  readonly spread: (revision: number) => Spread;
  /** ISO instant in whole seconds. */
  readonly now: string;
  /** Asked before each write. */
  readonly mayWrite: () => boolean;
}

export interface DocumentSource {
  /** Whether all of it has been read, so that what is not there is not wanted. */
  readonly synced: boolean;
  /** Whether resources of this kind and namespace are among those it reads. */
  reads(kind: string, namespace: string): boolean;
  wishes(): Wishes;
  /** Writes statuses, events and finalizers. Rejects never; resolves to whether all went well. */
  settle(result: PassResult): Promise<boolean>;
}
