// The policy between its bucket and a backup. It comes back as a new revision above all that any router has seen, since none of
// them takes one that goes back; the same key signs it.
import type { KeyValue } from "@malla/sdk/broker";
import {
  documentId,
  documentKey,
  HEAD_KEY,
  openHead,
  type PolicyHead,
  type PolicySnapshot,
  PolicyStore,
  readStoredDocument,
  type SignedHead,
  type StoredDocument,
} from "@malla/sdk/discovery";
import { Failure } from "../failure.ts";
import type { PolicyCopy } from "./content.ts";

/** Reads what is in force and the history that the bucket still keeps. Undefined before the first apply. */
export async function copyPolicy(bucket: KeyValue, publicKey: string): Promise<PolicyCopy | undefined> {
  const store = new PolicyStore(bucket, publicKey);
  const { signed } = await store.readHead();
  if (signed === undefined) return undefined;
  const documents: Record<string, string> = {};
  const heads: string[] = [];
  for (const { value } of await bucket.history(HEAD_KEY)) {
    const old = openHead(value, publicKey);
    if (typeof old === "string" || old.head.revision >= signed.head.revision) continue;
    // An old revision that is no more whole cannot be gone back to; what is in force must be.
    const kept = await store.documentsOf(old.head).catch(() => undefined);
    if (kept === undefined) continue;
    heads.push(textOf(value));
    for (const { hash, bytes } of kept) documents[hash] = textOf(bytes);
  }
  heads.push(textOf(signed.bytes));
  for (const { hash, bytes } of await store.documentsOf(signed.head)) documents[hash] = textOf(bytes);
  return { heads, documents };
}

/** A policy out of a backup, verified. */
export interface RestorablePolicy {
  readonly head: PolicyHead;
  readonly documents: readonly StoredDocument[];
  /** Oldest first, without the one that was in force. */
  readonly earlier: readonly (SignedHead & { readonly documents: readonly StoredDocument[] })[];
}

/** Throws a Failure if what was in force is not signed by this key, or not whole. */
export function verifyPolicy(copy: PolicyCopy, publicKey: string): RestorablePolicy {
  const documentsOf = (head: PolicyHead): readonly StoredDocument[] | undefined => {
    const documents = head.documents.map(({ hash }) => {
      const text = copy.documents[hash];
      return text === undefined ? undefined : readStoredDocument(Buffer.from(text), hash);
    });
    return documents.every((document) => document !== undefined) ? documents : undefined;
  };
  const opened = copy.heads.map((head) => openHead(Buffer.from(head), publicKey));
  const last = opened.at(-1);
  if (last === undefined || typeof last === "string")
    throw new Failure(`the policy in the backup cannot be trusted: ${last ?? "it has no head"}`);
  const documents = documentsOf(last.head);
  if (documents === undefined) throw new Failure("the policy in the backup is not whole: a document is missing");
  const earlier = opened.slice(0, -1).flatMap((signed) => {
    if (typeof signed === "string") return [];
    const kept = documentsOf(signed.head);
    return kept === undefined ? [] : [{ ...signed, documents: kept }];
  });
  return { head: last.head, documents, earlier };
}

/** Documents in force, `Kind/name`, that a restore would change or remove. */
export function wouldLose(present: PolicySnapshot, wanted: PolicyHead): readonly string[] {
  const hashes = new Map(wanted.documents.map((entry) => [documentId(entry), entry.hash]));
  return (present.signed?.head.documents ?? [])
    .filter((entry) => hashes.get(documentId(entry)) !== entry.hash)
    .map(documentId);
}

export interface RestorePolicyOptions {
  readonly bucket: KeyValue;
  readonly store: PolicyStore;
  readonly policy: RestorablePolicy;
  /** What holds now; if somebody else changes the same documents meanwhile, nothing is written. */
  readonly base: PolicySnapshot;
  /** The highest revision that anybody is known to have seen. */
  readonly above: number;
  readonly author: string;
  readonly seed: Uint8Array;
}

/** Puts the policy in force, and returns its head, the present one if just that holds already. */
export async function restorePolicy(options: RestorePolicyOptions): Promise<PolicyHead> {
  const { store, policy, base, author, seed } = options;
  const wanted = new Set(policy.head.documents.map(documentId));
  const remove = (base.signed?.head.documents ?? []).map(documentId).filter((id) => !wanted.has(id));
  const above = Math.max(options.above, policy.head.revision);
  const action = `restore of ${policy.head.revision}`;
  return await store.write(base, { put: policy.documents, remove, action, above }, author, seed);
}

/**
 * Writes the earlier heads into a bucket that never had one, so that `malla rollback` can go back to them. Only where no router
 * looks: each is in force until the next is written. Returns how many there are.
 */
export async function restoreHistory(bucket: KeyValue, earlier: RestorablePolicy["earlier"]): Promise<number> {
  let written = 0;
  let revision = 0;
  for (const { bytes, documents } of earlier) {
    for (const document of documents) await bucket.put(documentKey(document.hash), document.bytes, 0);
    const outcome = await bucket.put(HEAD_KEY, bytes, revision);
    // Somebody else writes, or nobody knows: the history ends here, and what is in force is written by compare-and-set.
    if (outcome.type !== "written") break;
    revision = outcome.revision;
    written++;
  }
  return written;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
