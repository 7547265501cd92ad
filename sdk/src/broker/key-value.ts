// A bucket of keys in JetStream as the mesh uses it: read the last value, write by compare-and-set, read old values.

export interface KeyValueEntry {
  readonly value: Uint8Array;
  /** Sequence of this write in the bucket; the next compare-and-set names it. */
  readonly revision: number;
  /** When it was written, in ms since 1970, by the broker's clock. */
  readonly writtenAtMs: number;
}

/** What became of a write. `unknown`: the answer did not come; it may have been done. Look before writing again. */
export type WriteOutcome =
  | { readonly type: "written"; readonly revision: number }
  | { readonly type: "conflict" }
  | { readonly type: "unknown"; readonly error: Error };

export interface KeyValue {
  /** The last value of a key, or undefined. Always read from the stream's leader, never from a replica behind. */
  get(key: string): Promise<KeyValueEntry | undefined>;
  /**
   * Writes if the key's last revision is `expected` (0: it holds nothing). With `lifeMs` the value is gone after so long, in
   * ms, rounded up to seconds; else after as long as the bucket keeps any.
   */
  put(key: string, value: Uint8Array, expected: number, lifeMs?: number): Promise<WriteOutcome>;
  /** Values of a key the bucket still keeps, oldest first. */
  history(key: string): Promise<readonly KeyValueEntry[]>;
  keys(prefix: string): Promise<readonly string[]>;
  delete(key: string): Promise<void>;
}
