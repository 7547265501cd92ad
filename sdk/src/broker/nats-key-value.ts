// KeyValue over a JetStream stream named KV_<bucket>, by the API the grants allow a reader: STREAM.MSG.GET alone. The
// client's own KV type asks for more than a router may.
import { JetStreamApiError, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "nats";
import type { KeyValue, KeyValueEntry, WriteOutcome } from "./key-value.ts";
import type { NatsBroker } from "./nats-broker.ts";

const REQUEST_TIMEOUT_MS = 2_000;
/** JetStream: no message found. */
const NOT_FOUND = 10037;
/** A key that nobody writes. */
const NO_KEY = "_none";
/** JetStream: wrong last sequence. */
const WRONG_SEQUENCE = new Set([10071, 10164]);

export async function openKeyValue(broker: NatsBroker, bucket: string): Promise<KeyValue> {
  const keyValue = new NatsKeyValue(broker, bucket);
  await keyValue.manager();
  broker.tryFirst(async (connection) => await keyValue.isReachedBy(connection));
  return keyValue;
}

class NatsKeyValue implements KeyValue {
  readonly #broker: NatsBroker;
  readonly #stream: string;
  readonly #prefix: string;
  /** The manager, and the connection it works on: after a move it is another. */
  #managed: { readonly connection: NatsConnection; readonly manager: Promise<JetStreamManager> } | undefined;

  constructor(broker: NatsBroker, bucket: string) {
    this.#broker = broker;
    this.#stream = `KV_${bucket}`;
    this.#prefix = `$KV.${bucket}.`;
  }

  async manager(): Promise<JetStreamManager> {
    const { connection } = this.#broker;
    if (this.#managed?.connection !== connection) {
      const manager = jetstreamManager(connection, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS });
      this.#managed = { connection, manager };
    }
    return await this.#managed.manager;
  }

  /** Whether the stream's leader answers through this connection. */
  async isReachedBy(connection: NatsConnection): Promise<boolean> {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS });
    try {
      await manager.streams.getMessage(this.#stream, { last_by_subj: this.#prefix + NO_KEY } as never);
      return true;
    } catch (error) {
      return error instanceof JetStreamApiError && error.code === NOT_FOUND;
    }
  }

  async get(key: string): Promise<KeyValueEntry | undefined> {
    const last = await this.#message({ last_by_subj: this.#prefix + key });
    return last?.isDeleted === false ? last.entry : undefined;
  }

  /** A message of the stream as it is: a deletion is one too. */
  async #message(
    query: { last_by_subj: string } | { seq: number; next_by_subj: string },
  ): Promise<{ readonly entry: KeyValueEntry; readonly isDeleted: boolean } | undefined> {
    try {
      const message = await (await this.manager()).streams.getMessage(this.#stream, query as never);
      if (message === null) return undefined;
      const operation = message.header?.get("KV-Operation");
      const entry = { value: message.data, revision: message.seq, writtenAtMs: message.time.getTime() };
      return { entry, isDeleted: operation === "DEL" || operation === "PURGE" };
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NOT_FOUND) return undefined;
      throw error;
    }
  }

  async put(key: string, value: Uint8Array, expected: number, lifeMs?: number): Promise<WriteOutcome> {
    const outcome = await this.#publish(key, value, expected, lifeMs);
    if (outcome.type !== "conflict" || expected !== 0) return outcome;
    // A key that was deleted by `nats kv del` holds nothing, but its deletion has a revision.
    const last = await this.#message({ last_by_subj: this.#prefix + key }).catch(() => undefined);
    return last?.isDeleted === true ? await this.#publish(key, value, last.entry.revision, lifeMs) : outcome;
  }

  async #publish(key: string, value: Uint8Array, expected: number, lifeMs?: number): Promise<WriteOutcome> {
    try {
      const ack = await jetstream(this.#broker.connection, { timeout: REQUEST_TIMEOUT_MS }).publish(
        this.#prefix + key,
        value,
        {
          expect: { lastSubjectSequence: expected },
          retries: 0,
          // The bucket allows it (`allow_msg_ttl`); a server below 2.11 does not know it and keeps the value for its day.
          ...(lifeMs === undefined ? {} : { ttl: `${Math.ceil(lifeMs / 1_000)}s` }),
        },
      );
      return { type: "written", revision: ack.seq };
    } catch (error) {
      if (error instanceof JetStreamApiError && WRONG_SEQUENCE.has(error.code)) return { type: "conflict" };
      return { type: "unknown", error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  async history(key: string): Promise<readonly KeyValueEntry[]> {
    const entries: KeyValueEntry[] = [];
    let seq = 1;
    for (;;) {
      const next = await this.#message({ seq, next_by_subj: this.#prefix + key });
      if (next === undefined) return entries;
      if (!next.isDeleted) entries.push(next.entry);
      seq = next.entry.revision + 1;
    }
  }

  async keys(prefix: string): Promise<readonly string[]> {
    const info = await (await this.manager()).streams.info(this.#stream, {
      subjects_filter: `${this.#prefix}${prefix}>`,
    });
    return Object.keys(info.state.subjects ?? {}).map((subject) => subject.slice(this.#prefix.length));
  }

  async delete(key: string): Promise<void> {
    await (await this.manager()).streams.purge(this.#stream, { filter: this.#prefix + key });
  }
}
