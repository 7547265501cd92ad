// A service's own state: a KV bucket in the shop's account, over a connection of its own. This is application code: the mesh
// account has no JetStream, so that nobody can reach around the router through it.
import { readFileSync } from "node:fs";
import { type KV, Kvm } from "@nats-io/kv";
import { connect, credsAuthenticator } from "nats";

/** Entries are forgotten after this, in ms, so that a shop that runs for a week holds no more than one that runs an hour. */
const LIFE_MS = 60 * 60_000;
const MAX_BYTES = 64 * 1024 * 1024;
/** Lost races against other writers of one key before giving up. */
const MAX_RACES = 20;

export interface Bucket {
  /** Undefined if the key is not there. */
  read<Value>(key: string): Promise<Value | undefined>;
  write(key: string, value: unknown): Promise<void>;
  /**
   * Reads, changes and writes by compare-and-set, again if another instance was faster. `change` returns the new value, or
   * undefined to leave things as they are; what it throws ends the update.
   */
  update<Value>(key: string, change: (value: Value | undefined) => Value | undefined): Promise<Value | undefined>;
}

/** Opens `shop-<service>`, which is made if it is not there; credentials in SHOP_CREDS, servers in NATS_URL. */
export async function openBucket(service: string): Promise<Bucket> {
  const path = process.env["SHOP_CREDS"];
  if (path === undefined)
    throw new Error("SHOP_CREDS: the path of the shop's credentials for its own state is expected");
  const connection = await connect({
    servers: (process.env["NATS_URL"] ?? "nats://127.0.0.1:4222").split(","),
    authenticator: credsAuthenticator(readFileSync(path)),
    name: `${service}/state`,
    inboxPrefix: `_INBOX.${service}`,
    maxReconnectAttempts: -1,
    noAsyncTraces: true,
  });
  const bucket = await new Kvm(connection).create(`shop-${service}`, {
    history: 1,
    ttl: LIFE_MS,
    max_bytes: MAX_BYTES,
  });
  return new KvBucket(bucket);
}

class KvBucket implements Bucket {
  readonly #kv: KV;

  constructor(kv: KV) {
    this.#kv = kv;
  }

  async read<Value>(key: string): Promise<Value | undefined> {
    const entry = await this.#kv.get(key);
    return entry === null || entry.operation !== "PUT" ? undefined : entry.json<Value>();
  }

  async write(key: string, value: unknown): Promise<void> {
    await this.#kv.put(key, JSON.stringify(value));
  }

  async update<Value>(
    key: string,
    change: (value: Value | undefined) => Value | undefined,
  ): Promise<Value | undefined> {
    for (let race = 0; race < MAX_RACES; race++) {
      const entry = await this.#kv.get(key);
      const before = entry === null || entry.operation !== "PUT" ? undefined : entry.json<Value>();
      const after = change(before);
      if (after === undefined) return before;
      try {
        if (entry === null) await this.#kv.create(key, JSON.stringify(after));
        else await this.#kv.update(key, JSON.stringify(after), entry.revision);
        return after;
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    }
    throw new Error(`${key}: gave up after ${MAX_RACES} races against other writers`);
  }
}

/** JetStream's "wrong last sequence". */
function isConflict(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === 10071 || code === 10164 || /wrong last sequence/i.test((error as Error).message);
}
