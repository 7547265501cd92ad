// One pass: all that is wanted against all that is there, at most one revision, and the word back to each resource.
import { PolicyConflict, type PolicyHead, type PolicySnapshot } from "@malla/sdk/discovery";
import { parseOwner } from "@malla/sdk/resources";
import type { Spread } from "../mesh/router-revisions.ts";
import { isEmpty, type Outcome, reconcile } from "./reconcile.ts";
import type { DocumentSource, Wishes } from "./source.ts";
import type { MeshState } from "./status.ts";

/** The mesh as a pass needs it; `MeshLink` is the real one. */
export interface PolicyAccess {
  readonly connected: boolean;
  /** How long it has not been, in ms. */
  readonly downForMs: number;
  read(): Promise<PolicySnapshot>;
  write(base: PolicySnapshot, change: ReturnType<typeof reconcile>["change"]): Promise<PolicyHead>;
  readonly routers: { spread(revision: number): Spread };
}

export interface DocumentsPassOptions {
  readonly sources: readonly DocumentSource[];
  readonly mesh: PolicyAccess;
  readonly mayWrite: () => boolean;
  readonly onError: (error: unknown) => void;
  /** Told of each revision that was written. */
  readonly onRevision: (head: PolicyHead, changed: number) => void;
  /** In ms since 1970. Default `Date.now`. */
  readonly wallMs?: () => number;
}

/** The broker may be away so long before resources are told, in ms: a restart of a server is no news. */
const UNREACHABLE_MS = 3_000;

/** All sources are waited for so long, in ms; then those that are there go on without the others. */
const PATIENCE_MS = 10_000;

interface Done {
  readonly outcomes: ReadonlyMap<string, Outcome> | undefined;
  readonly mesh: MeshState;
  readonly revision: number;
}

export class DocumentsPass {
  readonly #options: DocumentsPassOptions;
  /** Revision that first carried a document in its present form, by `Kind/name`. */
  readonly #carried = new Map<string, { readonly hash: string; readonly revision: number }>();
  #failingSinceMs: number | undefined;
  #incompleteSinceMs: number | undefined;

  constructor(options: DocumentsPassOptions) {
    this.#options = options;
  }

  /** Never rejects. False: something is left to do that no watch will tell of, so it should run again soon. */
  async run(): Promise<boolean> {
    const { mayWrite, mesh, wallMs = Date.now } = this.#options;
    if (!mayWrite()) return true;
    const ready = this.#ready();
    if (ready.length === 0) return false;
    const done = await this.#write(gathered(ready), ready);
    if (done === undefined) return false;
    let well = done.mesh.type === "reached";
    const spread = (revision: number): Spread => {
      const found = mesh.routers.spread(revision);
      // Nobody tells when the time to listen is over, or when a router that was waited for has gone.
      if (found.type === "unknown" || found.type === "behind") well = false;
      return found;
    };
    for (const source of ready) {
      const settled = await source.settle({
        outcomes: done.outcomes,
        mesh: done.mesh,
        revisionOf: (id, hash, known) => this.#revisionOf(id, hash, known, done.revision),
        spread,
        now: new Date(wallMs()).toISOString().replace(/\.\d+Z$/, "Z"),
        mayWrite,
      });
      well = well && settled;
    }
    return well;
  }

  /** Sources that can be read. One that stays away, since its rights were taken for one, must not hold up the others. */
  #ready(): readonly DocumentSource[] {
    const { sources } = this.#options;
    const ready = sources.filter(({ synced }) => synced);
    const now = performance.now();
    if (ready.length === sources.length) this.#incompleteSinceMs = undefined;
    else this.#incompleteSinceMs ??= now;
    return now - (this.#incompleteSinceMs ?? now) < PATIENCE_MS && ready.length < sources.length ? [] : ready;
  }

  /** Undefined: nothing is known, and it is too early to say so. */
  async #write(wishes: Wishes, sources: readonly DocumentSource[]): Promise<Done | undefined> {
    const base = await this.#read();
    if (typeof base === "string") return base === "" ? undefined : unreachable(base);
    const isWatched = (owner: string): boolean => {
      const found = parseOwner(owner);
      return found !== undefined && sources.some((source) => source.reads(found.kind, found.namespace));
    };
    const present = base.documents;
    const { change, outcomes } = reconcile({ ...wishes, present, isWatched });
    const before = base.signed?.head.revision ?? 0;
    // A head that was deleted or overwritten is written again, even as it was.
    if (isEmpty(change) && base.spoiled === undefined) return { outcomes, mesh: { type: "reached" }, revision: before };
    if (!this.#options.mayWrite()) return undefined;
    try {
      const head = await this.#options.mesh.write(base, change);
      for (const { document, hash } of change.put)
        this.#carried.set(`${document.kind}/${document.metadata.name}`, { hash, revision: head.revision });
      this.#options.onRevision(head, change.put.length + change.remove.length);
      return { outcomes, mesh: { type: "reached" }, revision: head.revision };
    } catch (error) {
      // Another writer was first: what is there now decides anew.
      if (error instanceof PolicyConflict) return undefined;
      this.#options.onError(error);
      return {
        outcomes,
        mesh: { type: "unwritten", why: `the policy could not be written: ${textOf(error)}` },
        revision: before,
      };
    }
  }

  /** Why it cannot be read; empty while it may be passing. */
  async #read(): Promise<PolicySnapshot | string> {
    const { mesh } = this.#options;
    if (!mesh.connected) return mesh.downForMs < UNREACHABLE_MS ? "" : "the broker cannot be reached";
    try {
      const snapshot = await mesh.read();
      this.#failingSinceMs = undefined;
      return snapshot;
    } catch (error) {
      this.#options.onError(error);
      const now = performance.now();
      this.#failingSinceMs ??= now;
      return now - this.#failingSinceMs < UNREACHABLE_MS ? "" : `the policy cannot be read: ${textOf(error)}`;
    }
  }

  #revisionOf(id: string, hash: string, known: number | undefined, present: number): number {
    const carried = this.#carried.get(id);
    if (carried?.hash === hash) return carried.revision;
    // A status from before the bucket was made anew says a revision that has not come yet.
    const revision = known === undefined || known > present ? present : known;
    this.#carried.set(id, { hash, revision });
    return revision;
  }
}

function gathered(sources: readonly DocumentSource[]): Wishes {
  const all = sources.map((source) => source.wishes());
  return {
    wanted: all.flatMap(({ wanted }) => wanted),
    standing: new Map(all.flatMap(({ standing }) => [...standing])),
  };
}

function unreachable(why: string): Done {
  return { outcomes: undefined, mesh: { type: "unreachable", why }, revision: 0 };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
