// What is wanted and what is there → one change of the policy, and a verdict for each resource. Pure.
import type { MeshDocument } from "@malla/sdk/contract";
import type { PolicyChange, StoredDocument } from "@malla/sdk/discovery";
import {
  canonicalBytes,
  contentHash,
  describeOwner,
  documentName,
  ownerOf,
  parseOwner,
  withOwner,
} from "@malla/sdk/resources";
import { TAKE_OVER_ANNOTATION } from "../names.ts";
import { type Checked, checkTogether } from "./check-together.ts";
import type { Verdict, WantedDocument } from "./wanted.ts";

export interface ReconcileInput {
  readonly wanted: readonly WantedDocument[];
  /**
   * Resources whose wish cannot be read, by owner, with the instant of their creation: what they have in the mesh stays, since
   * a slip of the pen must not take a policy away.
   */
  readonly standing: ReadonlyMap<string, string>;
  readonly present: readonly StoredDocument[];
  /** Whether resources of this owner's kind and namespace are watched: what belongs to others is never taken away. */
  readonly isWatched: (owner: string) => boolean;
}

/** What became of one resource. */
export interface Outcome {
  /** The worst of its documents. */
  readonly verdict: Verdict;
  /** Its documents that are in the policy, or will be with the change: hash by `Kind/name`. */
  readonly inPolicy: ReadonlyMap<string, string>;
}

export interface Reconciled {
  /** Nothing in it: all is as it should be. */
  readonly change: PolicyChange;
  /** By owner, for each that wants anything. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

interface Present {
  readonly owner: string | undefined;
  readonly document: MeshDocument;
  readonly hash: string;
}

interface Wish {
  readonly id: string;
  readonly wanted: WantedDocument;
  readonly stored: StoredDocument;
}

/** The action of every revision the operator makes. */
export const ACTION = "kubectl";

export function reconcile({ wanted, standing, present, isWatched }: ReconcileInput): Reconciled {
  const there = new Map(present.map((stored) => presentEntry(stored)));
  const verdicts = new Verdicts();
  const wishes = new Map<string, Wish>();
  for (const one of [...wanted].sort(byAge)) {
    const id = documentName(one.document);
    const first = wishes.get(id);
    const problem =
      first === undefined
        ? ownedByAnother(id, one, there.get(id), standing, isWatched)
        : `${id} belongs to ${describeOwner(first.wanted.owner)}, which is older; give one of the two another name`;
    if (problem !== undefined) verdicts.refuse(one.owner, "conflict", problem);
    else wishes.set(id, { id, wanted: one, stored: storedWith(one) });
  }
  const isLeft = (id: string): boolean => isOrphan(there.get(id)?.owner, standing, isWatched);
  const isNew = ({ id, stored }: Wish): boolean => there.get(id)?.hash !== stored.hash;
  const news = [...wishes.values()].filter(isNew);
  const newIds = new Set(news.map(({ id }) => id));
  const kept = [...there].filter(([id]) => !newIds.has(id) && (wishes.has(id) || !isLeft(id)));
  const checked = checkTogether(
    kept.map(([, { document }]) => document),
    news.map(({ id, wanted: { owner }, stored: { document } }) => ({
      document,
      before: lastGood(there.get(id), owner),
    })),
  );
  const holds = (id: string): boolean => {
    const wish = wishes.get(id);
    return wish !== undefined && (!checked.errors.has(id) || wish.wanted.owner === there.get(id)?.owner);
  };
  for (const wish of wishes.values()) judge(wish, there.get(wish.id), checked, verdicts);
  const put = news.filter(({ id }) => !checked.errors.has(id)).map(({ stored }) => stored);
  const remove = [...there.keys()].filter((id) => isLeft(id) && !holds(id));
  return { change: { put, remove, action: ACTION }, outcomes: verdicts.all() };
}

function judge(
  { id, wanted: { owner }, stored }: Wish,
  there: Present | undefined,
  checked: Checked,
  to: Verdicts,
): void {
  const error = checked.errors.get(id);
  if (error === undefined) return to.accept(owner, id, stored.hash, checked.warnings.get(id));
  if (there?.owner !== owner) return to.refuse(owner, "invalid", error);
  const isOlder = there.hash !== stored.hash;
  to.refuse(owner, "invalid", isOlder ? `${error}; ${LAST_GOOD_STAYS}` : error);
  to.keep(owner, id, there.hash);
}

/** Ends the message of an invalid resource that has an earlier version in the policy. */
export const LAST_GOOD_STAYS = "its last good version stays in force";

function lastGood(there: Present | undefined, owner: string): MeshDocument | undefined {
  return there?.owner === owner ? there.document : undefined;
}

function presentEntry(stored: StoredDocument): [string, Present] {
  // Parsed once: a stored document is parsed anew each time it is asked for.
  const { document } = stored;
  return [documentName(document), { owner: ownerOf(document), document, hash: stored.hash }];
}

/** Older first; where two are of one second, by name, so that every process decides alike. */
function byAge(a: WantedDocument, b: WantedDocument): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0;
}

function storedWith({ document, owner }: WantedDocument): StoredDocument {
  const owned = withOwner(document, owner);
  return { document: owned, bytes: canonicalBytes(owned), hash: contentHash(owned) };
}

/** Why a resource cannot have the document of this name. */
function ownedByAnother(
  id: string,
  { owner, createdAt, takeOver = false }: WantedDocument,
  there: Present | undefined,
  standing: ReadonlyMap<string, string>,
  isWatched: (owner: string) => boolean,
): string | undefined {
  if (there === undefined || there.owner === owner) return undefined;
  const kubernetes = parseOwner(there.owner) !== undefined;
  if (!kubernetes) {
    if (takeOver) return undefined;
    return `${id} belongs to ${describeOwner(there.owner)}: annotate this resource with ${TAKE_OVER_ANNOTATION}=true to hand it over, or delete it with \`malla delete\``;
  }
  const other = there.owner as string;
  if (!isWatched(other)) return `${id} belongs to ${describeOwner(other)}, which this operator does not watch`;
  const since = standing.get(other);
  if (since === undefined || since > createdAt) return undefined;
  return `${id} belongs to ${describeOwner(other)}, which is older; give one of the two another name`;
}

/** Whether a document comes from a resource that is watched and does not want it any more. */
function isOrphan(
  owner: string | undefined,
  standing: ReadonlyMap<string, string>,
  isWatched: (owner: string) => boolean,
): boolean {
  return owner !== undefined && parseOwner(owner) !== undefined && isWatched(owner) && !standing.has(owner);
}

const RANK = { accepted: 0, invalid: 1, conflict: 2 } as const;

class Verdicts {
  readonly #verdicts = new Map<string, Verdict>();
  readonly #inPolicy = new Map<string, Map<string, string>>();

  accept(owner: string, id: string, hash: string, warning: string | undefined): void {
    this.keep(owner, id, hash);
    const message = warning === undefined ? `${id} is in the policy` : `${id} is in the policy; warning: ${warning}`;
    this.#add(owner, { type: "accepted", message });
  }

  refuse(owner: string, type: "invalid" | "conflict", message: string): void {
    this.#add(owner, { type, message });
  }

  /** A document of this resource is in the policy. */
  keep(owner: string, id: string, hash: string): void {
    const known = this.#inPolicy.get(owner);
    if (known === undefined) this.#inPolicy.set(owner, new Map([[id, hash]]));
    else known.set(id, hash);
  }

  all(): ReadonlyMap<string, Outcome> {
    const outcomes = [...this.#verdicts].map(([owner, verdict]): [string, Outcome] => [
      owner,
      { verdict, inPolicy: this.#inPolicy.get(owner) ?? new Map() },
    ]);
    return new Map(outcomes);
  }

  /** The worst stands; of equals, all messages. */
  #add(owner: string, verdict: Verdict): void {
    const before = this.#verdicts.get(owner);
    if (before === undefined || RANK[verdict.type] > RANK[before.type]) this.#verdicts.set(owner, verdict);
    else if (RANK[verdict.type] === RANK[before.type])
      this.#verdicts.set(owner, { type: verdict.type, message: `${before.message}; ${verdict.message}` });
  }
}

/** Whether a change does anything. */
export function isEmpty({ put, remove }: PolicyChange): boolean {
  return put.length === 0 && remove.length === 0;
}
