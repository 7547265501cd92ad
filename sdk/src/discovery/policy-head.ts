// The signed head of the policy: which documents hold, by content hash, as one revision. The operator's key signs it;
// routers and SDKs verify it, and take no revision that is older than what they have.
import { Buffer } from "node:buffer";
import { isSignedBy, signBytes } from "../broker/signature.ts";
import type { Kind } from "../contract/index.ts";
import { finish, type Slices } from "../engine/index.ts";

/** Bucket of idempotency records, in account DURABLE. */
export const IDEMPOTENCY_BUCKET = "mesh-idempotency";
/** Bucket of the policy, in account CTRL. */
export const POLICY_BUCKET = "mesh-policy";
export const HEAD_KEY = "head";
/** Key of a document in the bucket. */
export function documentKey(hash: string): string {
  return `doc.${hash}`;
}

export interface HeadEntry {
  readonly kind: Kind;
  readonly name: string;
  /** SHA-256 of the document's canonical bytes, in hex. */
  readonly hash: string;
}

export interface PolicyHead {
  /** 1 for the first, then one more each time; more than one after the policy came from a backup. */
  readonly revision: number;
  /** Made anew for each apply, so that a write whose answer was lost can be recognised. */
  readonly applyId: string;
  readonly author: string;
  /** ISO instant, by the author's clock. */
  readonly createdAt: string;
  /** What the author did: `apply`, `delete`, `rollback to 7`. */
  readonly action: string;
  readonly documents: readonly HeadEntry[];
}

/** A head as it is stored and pushed. */
export interface SignedHead {
  readonly head: PolicyHead;
  readonly bytes: Uint8Array;
}

/** Signs a head with the seed of the operator's policy key. */
export function signHead(head: PolicyHead, seed: Uint8Array): Uint8Array {
  const signed = JSON.stringify(head);
  const signature = Buffer.from(signBytes(seed, Buffer.from(signed))).toString("base64");
  return Buffer.from(JSON.stringify({ signed, signature }));
}

/** Reads and verifies a head. Returns why it is refused as a string. */
export function openHead(bytes: Uint8Array, publicKey: string): SignedHead | string {
  return finish(openHeadInSlices(bytes, publicKey)).opened;
}

/** The same with pauses: a head of thousands of documents takes ten milliseconds. */
export function* openHeadInSlices(
  bytes: Uint8Array,
  publicKey: string,
): Slices<{ readonly opened: SignedHead | string }> {
  let signed: unknown;
  let signature: unknown;
  try {
    ({ signed, signature } = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>);
  } catch {
    return { opened: "the policy head is no JSON" };
  }
  if (typeof signed !== "string" || typeof signature !== "string")
    return { opened: "the policy head has no signature" };
  yield;
  if (!isSignedBy(publicKey, Buffer.from(signed), Buffer.from(signature, "base64")))
    return { opened: "the policy head is not signed by this mesh's operator" };
  yield;
  // What the operator has signed, this code has written: its shape needs no second check.
  return { opened: { head: JSON.parse(signed) as PolicyHead, bytes } };
}
