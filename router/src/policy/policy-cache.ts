// The last good policy on disk, so that a router that starts while the bucket cannot be read still enforces something.
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { decodePolicyPush, encodePolicyPush } from "@malla/sdk/contract";
import type { SignedHead, StoredDocument } from "@malla/sdk/discovery";

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
      const bytes = encodePolicyPush({
        head: signed.bytes,
        documents: documents.map((document) => document.bytes),
        complete: true,
      });
      await writeFile(temporary, bytes, { mode: 0o600 });
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
