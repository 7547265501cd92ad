// The one reference to the policy in force. Swapped whole; whoever reads it keeps what it read for the whole call.
import type { MeshDocument } from "../contract/index.ts";
import { type Compiled, compileInSlices, emptyPolicy, type Policy, type Problem } from "../engine/index.ts";
import { PACING, type Pacing, runSlice } from "./run-slice.ts";

export interface PolicyHolder {
  readonly current: Policy;
}

/**
 * Compiles and swaps. Revisions only grow: an older one is refused, an equal one changes nothing. A large policy is compiled in
 * pieces with pauses between them, in which calls are carried by the one that is still in force.
 */
export class LivePolicy implements PolicyHolder {
  readonly #pacing: Pacing;
  #current: Policy = emptyPolicy;
  #loaded = false;
  /** Revision that is being compiled, or was last. */
  #wanted = 0;

  constructor(pacing: Pacing = PACING) {
    this.#pacing = pacing;
  }

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

  /**
   * Takes a revision; a small one is in force when this returns, before the promise is resolved. Resolves to the problems found,
   * or to undefined if the revision was not newer, or a newer one came while it was compiled.
   */
  async swap(revision: number, documents: Iterable<MeshDocument>): Promise<readonly Problem[] | undefined> {
    if ((this.#loaded && revision <= this.#current.revision) || (this.#wanted > 0 && revision <= this.#wanted))
      return undefined;
    this.#wanted = revision;
    const slices = compileInSlices(documents, revision);
    let compiled: Compiled | undefined = runSlice(slices, this.#pacing);
    while (compiled === undefined) {
      await this.#pacing.pause();
      if (this.#wanted !== revision) return undefined;
      compiled = runSlice(slices, this.#pacing);
    }
    this.#current = compiled.policy;
    this.#loaded = true;
    return compiled.problems;
  }
}
