// A bucket whose reads outlast the loss of their stream's leader: for whoever changes policy, who would else be told "timeout" in
// the middle of it. Routers read again every second anyway, and take the plain one.
import { setTimeout as sleep } from "node:timers/promises";
import type { KeyValue, KeyValueEntry, WriteOutcome } from "../broker/key-value.ts";

/** A killed leader is replaced after four to six seconds (failure model); a busy cluster takes longer. */
const PATIENCE_MS = 15_000;
const LOOK_AGAIN_MS = 250;

export interface PatienceOptions {
  /** How long a read is tried again, in ms. Default: 15 s. */
  readonly patienceMs?: number;
  readonly nowMs?: () => number;
  readonly pause?: (ms: number) => Promise<void>;
}

export class PatientKeyValue implements KeyValue {
  readonly #bucket: KeyValue;
  readonly #options: Required<PatienceOptions>;

  constructor(bucket: KeyValue, options: PatienceOptions = {}) {
    this.#bucket = bucket;
    this.#options = {
      patienceMs: PATIENCE_MS,
      nowMs: () => performance.now(),
      pause: async (ms) => await sleep(ms),
      ...options,
    };
  }

  async get(key: string): Promise<KeyValueEntry | undefined> {
    return await this.#patiently(async () => await this.#bucket.get(key));
  }

  async history(key: string): Promise<readonly KeyValueEntry[]> {
    return await this.#patiently(async () => await this.#bucket.history(key));
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return await this.#patiently(async () => await this.#bucket.keys(prefix));
  }

  /** Once: what became of a write without an answer is for the writer to find out. */
  async put(key: string, value: Uint8Array, expected: number, lifeMs?: number): Promise<WriteOutcome> {
    return await this.#bucket.put(key, value, expected, lifeMs);
  }

  async delete(key: string): Promise<void> {
    await this.#bucket.delete(key);
  }

  /** Rejects with the last error when patience is at its end. */
  async #patiently<Result>(read: () => Promise<Result>): Promise<Result> {
    const { patienceMs, nowMs, pause } = this.#options;
    const until = nowMs() + patienceMs;
    for (;;) {
      try {
        return await read();
      } catch (error) {
        if (nowMs() >= until) throw error;
      }
      await pause(LOOK_AGAIN_MS);
    }
  }
}
