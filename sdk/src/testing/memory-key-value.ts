// A twin of a JetStream bucket in memory, whose answers can be lost.
import type { KeyValue, KeyValueEntry, WriteOutcome } from "../broker/key-value.ts";

/** How many values of a key are kept, as the policy's bucket keeps them. */
const DEFAULT_HISTORY = 64;

/** `written`: it was done, but the answer got lost; `lost`: it never arrived. */
export type LostWrite = "written" | "lost";

export class MemoryKeyValue implements KeyValue {
  readonly #entries = new Map<string, KeyValueEntry[]>();
  readonly #history: number;
  readonly #wallMs: () => number;
  /** Of values that are gone after a time, by key. */
  readonly #goneAtMs = new Map<string, number>();
  readonly #lostWrites = new Map<string, LostWrite[]>();
  #failingReads = 0;
  #revision = 0;

  constructor({ history = DEFAULT_HISTORY, wallMs = Date.now }: { history?: number; wallMs?: () => number } = {}) {
    this.#history = history;
    this.#wallMs = wallMs;
  }

  /** The answers to the next writes of a key do not come; one for each, in order. */
  loseAnswers(key: string, ...writes: readonly LostWrite[]): void {
    this.#lostWrites.set(key, [...(this.#lostWrites.get(key) ?? []), ...writes]);
  }

  /** The next reads fail, as those of a bucket without a leader. */
  failReads(count: number): void {
    this.#failingReads = count;
  }

  async get(key: string): Promise<KeyValueEntry | undefined> {
    this.#read();
    this.#expire(key);
    return this.#entries.get(key)?.at(-1);
  }

  async put(key: string, value: Uint8Array, expected: number, lifeMs?: number): Promise<WriteOutcome> {
    this.#expire(key);
    const lost = this.#lostWrites.get(key)?.shift();
    const error = new Error("no answer within 2000 ms");
    if (lost === "lost") return { type: "unknown", error };
    const kept = this.#entries.get(key) ?? [];
    if ((kept.at(-1)?.revision ?? 0) !== expected)
      return lost === undefined ? { type: "conflict" } : { type: "unknown", error };
    const entry = { value: Uint8Array.from(value), revision: ++this.#revision, writtenAtMs: this.#wallMs() };
    this.#entries.set(key, [...kept, entry].slice(-this.#history));
    if (lifeMs === undefined) this.#goneAtMs.delete(key);
    else this.#goneAtMs.set(key, entry.writtenAtMs + Math.ceil(lifeMs / 1_000) * 1_000);
    return lost === undefined ? { type: "written", revision: entry.revision } : { type: "unknown", error };
  }

  async history(key: string): Promise<readonly KeyValueEntry[]> {
    this.#read();
    this.#expire(key);
    return [...(this.#entries.get(key) ?? [])];
  }

  async keys(prefix: string): Promise<readonly string[]> {
    this.#read();
    for (const key of [...this.#goneAtMs.keys()]) this.#expire(key);
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
    this.#goneAtMs.delete(key);
  }

  #expire(key: string): void {
    if (this.#wallMs() < (this.#goneAtMs.get(key) ?? Number.POSITIVE_INFINITY)) return;
    this.#goneAtMs.delete(key);
    this.#entries.delete(key);
  }

  #read(): void {
    if (this.#failingReads === 0) return;
    this.#failingReads--;
    throw new Error("the bucket has no leader");
  }
}
