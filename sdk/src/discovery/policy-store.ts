// The policy in its bucket: documents by content hash, and a head swapped by compare-and-set, so that an apply is seen
// whole or not at all and two writers cannot overwrite each other unseen (failure rules 8 and 9).
import { Buffer } from "node:buffer";
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { KeyValue, WriteOutcome } from "../broker/key-value.ts";
import type { MeshDocument } from "../contract/index.ts";
import { refuseTooLarge } from "./policy-bounds.ts";
import {
  documentKey,
  HEAD_KEY,
  type HeadEntry,
  openHead,
  openHeadInSlices,
  type PolicyHead,
  type SignedHead,
  signHead,
} from "./policy-head.ts";
import { PACING, runSlice, SLICE_MS } from "./run-slice.ts";

/** A write whose answer did not come is looked for this long, in ms: a killed stream leader is replaced within it. */
const UNKNOWN_WRITE_MS = 15_000;
const LOOK_AGAIN_MS = 500;
/** Documents that are asked for at a time. */
const FETCHERS = 32;
/** Lost races against other writers before giving up. */
const MAX_RACES = 10;

/** A document as it is stored: canonical bytes and their hash. */
export interface StoredDocument {
  readonly document: MeshDocument;
  readonly bytes: Uint8Array;
  readonly hash: string;
}

export interface PolicySnapshot {
  /** Undefined before the first apply. */
  readonly signed: SignedHead | undefined;
  readonly documents: readonly StoredDocument[];
  /** Revision of the head's key in the bucket, for compare-and-set. */
  readonly keyRevision: number;
  /** See `ReadHead`. What is written next is written even if it changes nothing. */
  readonly spoiled?: string | undefined;
  /** Documents of the head that are not in the bucket any more; only `readWhatIsThere` gives any. */
  readonly missing?: readonly HeadEntry[];
}

export interface ReadHead {
  /** Undefined before the first apply. */
  readonly signed: SignedHead | undefined;
  /** Revision of the head's key in the bucket, for compare-and-set. */
  readonly keyRevision: number;
  /** Why the last write of the head is not what holds; undefined if it is. */
  readonly spoiled: string | undefined;
}

export interface PolicyChange {
  readonly put: readonly StoredDocument[];
  /** `Kind/name` of what goes. */
  readonly remove: readonly string[];
  readonly action: string;
  /** Routers have seen this revision, whatever the bucket holds: the new one is above it. For a policy from a backup. */
  readonly above?: number;
}

/** Another writer changed the same documents first; nothing was written. */
export class PolicyConflict extends Error {
  readonly head: PolicyHead;
  readonly documents: readonly string[];

  constructor(head: PolicyHead, documents: readonly string[]) {
    super(
      `${documents.join(", ")} changed meanwhile: revision ${head.revision} by ${head.author} at ${head.createdAt}. Nothing was written; look with \`malla diff\` and apply again.`,
    );
    this.name = "PolicyConflict";
    this.head = head;
    this.documents = documents;
  }
}

export function documentId(entry: { readonly kind: string; readonly name: string }): string {
  return `${entry.kind}/${entry.name}`;
}

export class PolicyStore {
  readonly #bucket: KeyValue;
  readonly #publicKey: string;
  readonly #documents = new Map<string, StoredDocument>();
  /** What was read last and from which bytes: a head that is the same as a second ago needs no second look. */
  #read: { readonly bytes: Uint8Array; readonly head: ReadHead } | undefined;
  /** While there is none: what held before; null: nothing did. */
  #hadHead: SignedHead | null | undefined;

  constructor(bucket: KeyValue, publicKey: string) {
    this.#bucket = bucket;
    this.#publicKey = publicKey;
  }

  /**
   * The head now. One that cannot be trusted is passed over for the last that can, and `spoiled` says so: whoever may read
   * the bucket can have the server write nonsense there, and the next apply must be able to write over it. Throws if there
   * is none that can be trusted.
   */
  async readHead(): Promise<ReadHead> {
    const entry = await this.#bucket.get(HEAD_KEY);
    if (entry === undefined) return await this.#withoutHead();
    this.#hadHead = undefined;
    const known = this.#read;
    if (known?.head.keyRevision === entry.revision && Buffer.compare(known.bytes, entry.value) === 0) return known.head;
    const head = await this.#openHead(entry.value, entry.revision);
    this.#read = { bytes: entry.value, head };
    return head;
  }

  /** None was ever written, or somebody has deleted it: then the last that can be trusted holds, and is written over. */
  async #withoutHead(): Promise<ReadHead> {
    this.#hadHead ??= this.#read?.head.signed ?? (await this.#lastGoodHead()) ?? null;
    const spoiled = this.#hadHead === null ? undefined : "the head of the policy was deleted";
    return { signed: this.#hadHead ?? undefined, keyRevision: 0, spoiled };
  }

  async #lastGoodHead(): Promise<SignedHead | undefined> {
    return (await this.#bucket.history(HEAD_KEY))
      .map(({ value }) => openHead(value, this.#publicKey))
      .findLast((head): head is SignedHead => typeof head !== "string");
  }

  async #openHead(bytes: Uint8Array, keyRevision: number): Promise<ReadHead> {
    const slices = openHeadInSlices(bytes, this.#publicKey);
    let piece = runSlice(slices, PACING);
    while (piece === undefined) {
      await PACING.pause();
      piece = runSlice(slices, PACING);
    }
    const signed = piece.opened;
    if (typeof signed !== "string") return { signed, keyRevision, spoiled: undefined };
    const spoiled = `revision ${keyRevision} of the policy: ${signed}`;
    const good = await this.#lastGoodHead();
    if (good === undefined) throw new Error(spoiled);
    return { signed: good, keyRevision, spoiled };
  }

  /** Head and documents together. Documents are immutable, so what was read once is kept. */
  async read(): Promise<PolicySnapshot> {
    const { signed, keyRevision, spoiled } = await this.readHead();
    const documents = signed === undefined ? [] : await this.documentsOf(signed.head);
    return { signed, keyRevision, spoiled, documents };
  }

  /**
   * The same for whoever can write again what somebody deleted: `missing` instead of an Error. With `afresh` what this process
   * has in memory does not count.
   */
  async readWhatIsThere({ afresh = false } = {}): Promise<PolicySnapshot> {
    const { signed, keyRevision, spoiled } = await this.readHead();
    if (afresh) this.#documents.clear();
    const entries = signed?.head.documents ?? [];
    await this.#fetchAll(entries);
    const missing = entries.filter(({ hash }) => !this.#documents.has(hash));
    const present = entries.filter(({ hash }) => this.#documents.has(hash));
    const documents = signed === undefined ? [] : await this.documentsOf({ ...signed.head, documents: present });
    return { signed, keyRevision, spoiled, documents, missing };
  }

  /** All documents of a head. Throws if one is missing or is not what its hash says, or if they are too many or too large. */
  async documentsOf(head: PolicyHead): Promise<readonly StoredDocument[]> {
    refuseTooLarge(head.documents.length, 0);
    const [missing] = await this.#fetchAll(head.documents);
    if (missing !== undefined)
      throw new Error(`document ${documentId(missing)} (${missing.hash.slice(0, 12)}) is not in the bucket`);
    const documents = head.documents.map((entry) => this.#documents.get(entry.hash) as StoredDocument);
    this.#forgetAllBut(documents);
    refuseTooLarge(documents.length, sizeOf(documents));
    return documents;
  }

  /** Resolves to those that are not there. Throws if one is not what its hash says. */
  async #fetchAll(entries: readonly HeadEntry[]): Promise<readonly HeadEntry[]> {
    const unknown = entries.filter((entry) => !this.#documents.has(entry.hash));
    const missing: HeadEntry[] = [];
    // A few at a time: thousands of requests in one go would be as many milliseconds in which nothing else is done.
    const queue = unknown.values();
    let pausedAtMs = PACING.nowMs();
    const fetchers = Array.from({ length: Math.min(FETCHERS, unknown.length) }, async () => {
      for (const entry of queue) {
        if (!(await this.#fetch(entry))) missing.push(entry);
        if (PACING.nowMs() - pausedAtMs < SLICE_MS) continue;
        await PACING.pause();
        pausedAtMs = PACING.nowMs();
      }
    });
    await Promise.all(fetchers);
    return missing;
  }

  /** False: it is not in the bucket. */
  async #fetch(entry: HeadEntry): Promise<boolean> {
    const stored = await this.#bucket.get(documentKey(entry.hash));
    if (stored === undefined) return false;
    const hash = createHash("sha256").update(stored.value).digest("hex");
    if (hash !== entry.hash) throw new Error(`document ${documentId(entry)} is not what its hash says`);
    this.#documents.set(hash, readStoredDocument(stored.value, hash));
    return true;
  }

  #forgetAllBut(kept: readonly StoredDocument[]): void {
    if (this.#documents.size <= kept.length * 2 + 64) return;
    this.#documents.clear();
    for (const document of kept) this.#documents.set(document.hash, document);
  }

  /** Heads the bucket still keeps, oldest first; those that cannot be trusted are left out. */
  async history(): Promise<readonly PolicyHead[]> {
    const entries = await this.#bucket.history(HEAD_KEY);
    return entries.flatMap((entry) => {
      const signed = openHead(entry.value, this.#publicKey);
      return typeof signed === "string" ? [] : [signed.head];
    });
  }

  /**
   * Applies a change to what holds now. Throws an Error if the policy would be too large, `PolicyConflict` if another writer changed one of the same documents since
   * `base`; changes of other documents are kept. Returns the new head, or the present one if nothing would change.
   */
  async write(base: PolicySnapshot, change: PolicyChange, author: string, seed: Uint8Array): Promise<PolicyHead> {
    const { above = 0 } = change;
    let current = base;
    for (let race = 0; race < MAX_RACES; race++) {
      const entries = merge(current.signed?.head.documents ?? [], change);
      const present = current.signed?.head;
      if (present !== undefined && present.revision >= above && sameEntries(entries, present.documents)) {
        // The head says so already; what was deleted under it is put back.
        await this.#putDocuments(change.put);
        if (current.spoiled === undefined) return present;
      }
      refuseTooLarge(entries.length, sizeOf([...current.documents, ...change.put], entries));
      const head: PolicyHead = {
        revision: Math.max(present?.revision ?? 0, above) + 1,
        applyId: randomUUID(),
        author,
        createdAt: new Date().toISOString(),
        action: change.action,
        documents: entries,
      };
      const signed = signHead(head, seed);
      refuseTooLarge(entries.length, 0, signed.length);
      await this.#putDocuments(change.put);
      const outcome = await this.#bucket.put(HEAD_KEY, signed, current.keyRevision);
      if (outcome.type === "written") return head;
      if (outcome.type === "unknown" && (await this.#wasWritten(head, outcome.error))) return head;
      current = await this.read();
      refuseOverlap(base, current, change);
    }
    throw new Error(`gave up after ${MAX_RACES} races against other writers; nothing was written`);
  }

  async #putDocuments(documents: readonly StoredDocument[]): Promise<void> {
    for (const { document, hash, bytes } of documents) {
      // A conflict means that the very same bytes are there: keys are hashes of their content. So may a write without an answer
      // be done again: its stream's leader may just have been replaced.
      const put = async (): Promise<WriteOutcome> => await this.#bucket.put(documentKey(hash), bytes, 0);
      let outcome = await put();
      if (outcome.type === "unknown" && !(await this.#isStored(hash))) outcome = await put();
      if (outcome.type !== "unknown" || (await this.#isStored(hash))) continue;
      const name = `${document.kind}/${document.metadata.name}`;
      throw new Error(
        `${name} could not be stored (${outcome.error.message}); nothing was applied. The broker's log says why: its disk may be full, or its streams without a leader.`,
        { cause: outcome.error },
      );
    }
  }

  async #isStored(hash: string): Promise<boolean> {
    return (await this.#bucket.get(documentKey(hash)).catch(() => undefined)) !== undefined;
  }

  /** Looks whether a write whose answer was lost was done. Throws if that cannot be found out in time. */
  async #wasWritten(head: PolicyHead, error: Error): Promise<boolean> {
    const giveUpAt = Date.now() + UNKNOWN_WRITE_MS;
    for (;;) {
      try {
        const { signed } = await this.readHead();
        if (signed?.head.applyId === head.applyId) return true;
        if (signed !== undefined && signed.head.revision >= head.revision) {
          // A later apply may stand on ours already.
          return (await this.history()).some((old) => old.applyId === head.applyId);
        }
        return false;
      } catch {
        if (Date.now() > giveUpAt) {
          throw new Error(
            `the answer to the write did not come (${error.message}); look with \`malla get all\` whether it was done`,
            { cause: error },
          );
        }
        await sleep(LOOK_AGAIN_MS);
      }
    }
  }
}

/**
 * A stored document, parsed each time it is asked for: who holds thousands of them needs them once, and the bytes are a fraction of
 * what is parsed from them. What the operator's tools wrote after validation needs no second validation. Throws if it is no JSON.
 */
export function readStoredDocument(bytes: Uint8Array, hash: string): StoredDocument {
  JSON.parse(textOf(bytes));
  // A message's bytes are a part of what was read from the socket, which would be kept with them.
  return new LazyDocument(Buffer.from(bytes), hash);
}

class LazyDocument implements StoredDocument {
  readonly bytes: Uint8Array;
  readonly hash: string;

  constructor(bytes: Uint8Array, hash: string) {
    this.bytes = bytes;
    this.hash = hash;
  }

  get document(): MeshDocument {
    return JSON.parse(textOf(this.bytes)) as MeshDocument;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** Each parsed when it is its turn, so that a policy is never there as a whole. */
export function* documentsIn(stored: Iterable<StoredDocument>): Iterable<MeshDocument> {
  for (const { document } of stored) yield document;
}

function merge(entries: readonly HeadEntry[], change: PolicyChange): HeadEntry[] {
  const removed = new Set(change.remove);
  const merged = new Map(
    entries.filter((entry) => !removed.has(documentId(entry))).map((entry) => [documentId(entry), entry]),
  );
  for (const { document, hash } of change.put) {
    const entry = { kind: document.kind, name: document.metadata.name, hash };
    merged.set(documentId(entry), entry);
  }
  return [...merged.values()].sort((a, b) => (documentId(a) < documentId(b) ? -1 : 1));
}

/** Bytes of all documents, or of those that these entries name, each once. */
function sizeOf(documents: readonly StoredDocument[], entries?: readonly HeadEntry[]): number {
  const wanted = entries && new Set(entries.map(({ hash }) => hash));
  const sizes = new Map(documents.map(({ hash, bytes }) => [hash, bytes.length]));
  let size = 0;
  for (const [hash, bytes] of sizes) if (wanted === undefined || wanted.has(hash)) size += bytes;
  return size;
}

function sameEntries(a: readonly HeadEntry[], b: readonly HeadEntry[]): boolean {
  return (
    a.length === b.length && a.every((entry, i) => entry.hash === b[i]?.hash && documentId(entry) === documentId(b[i]))
  );
}

/** Throws if a document this change touches is not what it was in `base`. */
function refuseOverlap(base: PolicySnapshot, current: PolicySnapshot, change: PolicyChange): void {
  if (current.signed === undefined) return;
  const before = hashes(base);
  const now = hashes(current);
  const touched = [...change.put.map(({ document }) => `${document.kind}/${document.metadata.name}`), ...change.remove];
  const wanted = new Map(change.put.map(({ document, hash }) => [`${document.kind}/${document.metadata.name}`, hash]));
  const overlapping = touched.filter((id) => before.get(id) !== now.get(id) && now.get(id) !== wanted.get(id));
  if (overlapping.length > 0) throw new PolicyConflict(current.signed.head, overlapping);
}

function hashes(snapshot: PolicySnapshot): Map<string, string> {
  return new Map((snapshot.signed?.head.documents ?? []).map((entry) => [documentId(entry), entry.hash]));
}
