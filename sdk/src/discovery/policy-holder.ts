// The one reference to the policy in force. Swapped whole; whoever reads it keeps what it read for the whole call.
import type { MeshDocument } from "../contract/index.ts";
import { compile, emptyPolicy, type Policy, type Problem } from "../engine/index.ts";

export interface PolicyHolder {
  readonly current: Policy;
}

/** Compiles and swaps. Revisions only grow: an older one is refused, an equal one changes nothing. */
export class LivePolicy implements PolicyHolder {
  #current: Policy = emptyPolicy;
  #loaded = false;

  get current(): Policy {
    return this.#current;
  }

  /** Whether any revision has been taken, or it is known that there is none yet. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** There is no policy in this mesh yet: everything is open, and that is known. */
  loadEmpty(): void {
    this.#loaded = true;
  }

  /** Takes a revision. Returns the problems found, or undefined if the revision was not newer. */
  swap(revision: number, documents: readonly MeshDocument[]): readonly Problem[] | undefined {
    if (this.#loaded && revision <= this.#current.revision) return undefined;
    const { policy, problems } = compile(documents, revision);
    this.#current = policy;
    this.#loaded = true;
    return problems;
  }
}
