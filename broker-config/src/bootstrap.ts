// Creates the streams and buckets of the mesh, or brings those that exist up to their definition.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { JetStreamApiError, type JetStreamManager, jetstreamManager, type StreamConfig } from "@nats-io/jetstream";
import { connect, credsAuthenticator, errors, type NatsConnection } from "nats";
import { issueCredentials } from "./credentials.ts";
import type { AccountKind } from "./grants.ts";
import type { Keys } from "./keys.ts";
import { SERVER_SETTINGS_FOLDER } from "./server-config/server-config-files.ts";

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 2_000;
const FORMING_MS = 30_000;
const RETRY_MS = 250;
/** No suitable peers yet, temporarily unavailable, cannot handle the request yet. */
const FORMING_CODES: ReadonlySet<number> = new Set([10_005, 10_008, 10_009]);
/** JetStream is not enabled for the account. A leader that has not loaded the account yet says so too, which takes it a moment. */
const NOT_ENABLED = 10_039;
const ACCOUNT_LOADS_MS = 5_000;
const CREDENTIALS_LIFE_MS = 60_000;
const STREAM_NOT_FOUND = 10_059;

/** A stream of the mesh: the account it lives in, and its configuration as the server takes it. */
export interface StreamDefinition {
  readonly account: AccountKind;
  readonly why: string;
  readonly config: Partial<StreamConfig> & { readonly name: string; readonly subjects: readonly string[] };
}

export interface BootstrapOptions {
  readonly servers: string | readonly string[];
  readonly keys: Keys;
  /** Copies of each stream: 1 on a single server, 3 in production. Default: 1. */
  readonly replicas?: 1 | 3;
  /** Where servers want TLS: who signed their certificates, and a certificate of one's own where they want one. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /** How long to wait for a cluster that is still finding its leader. Default: 30 s. */
  readonly timeoutMs?: number;
}

/** The definitions in `server/streams.json`. */
export async function streamDefinitions(): Promise<StreamDefinition[]> {
  return JSON.parse(await readFile(join(SERVER_SETTINGS_FOLDER, "streams.json"), "utf8")) as StreamDefinition[];
}

/**
 * Makes every stream be as defined, over connections of its own as operator; data in them is kept. May be run again, and
 * by several at once. Rejects with the server's own reason.
 */
export async function bootstrapStreams(options: BootstrapOptions): Promise<void> {
  const definitions = await streamDefinitions();
  for (const account of new Set(definitions.map((definition) => definition.account))) {
    const connection = await connectAs(options, account);
    try {
      const manager = await jetstreamManager(connection, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS });
      for (const { config } of definitions.filter((definition) => definition.account === account)) {
        const full = { ...config, num_replicas: options.replicas ?? 1 } as StreamConfig;
        await whileForming(options.timeoutMs ?? FORMING_MS, async () => await ensureStream(manager, full));
      }
    } finally {
      await connection.close();
    }
  }
}

/** Tries again while the servers of a cluster have no leader, not enough of each other, or not all accounts yet. */
async function whileForming(timeoutMs: number, work: () => Promise<void>): Promise<void> {
  const startedAtMs = performance.now();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() - startedAtMs >= Math.min(timeoutMs, formingMs(error))) throw error;
    }
    await sleep(RETRY_MS);
  }
}

/** How long a cluster that forms may go on to answer so, in ms; 0: it is no answer of one. */
export function formingMs(error: unknown): number {
  // The client wraps this one answer in an error that it does not export.
  const answer = error instanceof Error && error.cause instanceof JetStreamApiError ? error.cause : error;
  if (!(answer instanceof JetStreamApiError)) return isSilence(error) ? Infinity : 0;
  if (answer.code === NOT_ENABLED) return ACCOUNT_LOADS_MS;
  return FORMING_CODES.has(answer.code) ? Infinity : 0;
}

function isSilence(error: unknown): boolean {
  return (
    error instanceof errors.TimeoutError ||
    error instanceof errors.NoRespondersError ||
    error instanceof errors.RequestError
  );
}

async function connectAs(options: BootstrapOptions, account: string): Promise<NatsConnection> {
  const request = { name: "operator", role: "operator", account, expiresInMs: CREDENTIALS_LIFE_MS } as const;
  const credentials = await issueCredentials(options.keys, request);
  return await connect({
    servers: typeof options.servers === "string" ? options.servers : [...options.servers],
    authenticator: credsAuthenticator(new TextEncoder().encode(credentials)),
    inboxPrefix: "_INBOX.operator",
    name: "malla bootstrap",
    timeout: CONNECT_TIMEOUT_MS,
    ...(options.tls === undefined ? {} : { tls: { ...options.tls } }),
    reconnect: false,
  });
}

async function ensureStream(manager: JetStreamManager, config: StreamConfig): Promise<void> {
  try {
    await manager.streams.info(config.name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
    // Two processes that start at once may both come here: adding the same definition again is no error.
    await manager.streams.add(config);
    return;
  }
  await manager.streams.update(config.name, config);
}
