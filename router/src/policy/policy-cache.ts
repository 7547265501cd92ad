// The last good policy on disk, so that a router that starts while the bucket cannot be read still enforces something.
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { decodePolicyPush, encodePolicyPush } from "@malla/sdk/contract";
import type { SignedHead, StoredDocument } from "@malla/sdk/discovery";

const DOCUMENTS_A_PIECE = 100;
const EMPTY = new Uint8Array(0);

export class PolicyCache {
  readonly #path: string;
  readonly #onError: (error: unknown) => void;

  /** A disk that is full or read-only is told to `onError` and otherwise ignored: the policy is in force all the same. */
  constructor(path: string, onError: (error: unknown) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  async save(signed: SignedHead, documents: readonly StoredDocument[]): Promise<void> {
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      const temporary = `${this.#path}.${process.pid}`;
      await writeFile(temporary, await encodeInPieces(signed, documents), { mode: 0o600 });
      await rename(temporary, this.#path);
    } catch (error) {
      this.#onError(error);
    }
  }

  async load(): Promise<{ head: Uint8Array; documents: readonly Uint8Array[] } | undefined> {
    try {
      return decodePolicyPush(await readFile(this.#path));
    } catch {
      return undefined;
    }
  }
}

/** Messages one after another are one message (protobuf's rule for repeated fields), so that none of them takes long. */
async function encodeInPieces(
  signed: SignedHead,
  documents: readonly StoredDocument[],
): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < documents.length; from += DOCUMENTS_A_PIECE) {
    const piece = documents.slice(from, from + DOCUMENTS_A_PIECE).map(({ bytes }) => bytes);
    pieces.push(encodePolicyPush({ head: EMPTY, documents: piece, complete: false }));
    await setImmediate();
  }
  // Of what is said twice the last holds.
  pieces.push(encodePolicyPush({ head: signed.bytes, documents: [], complete: true }));
  return pieces;
}
