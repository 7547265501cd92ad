// The only place that knows the NATS client. Settings are those of the failure model: a dead server is noticed in three
// seconds, a killed one at once, and reconnecting never ends. A server that says it will go is left before it does: a second
// connection is made first, and for a moment everything is heard on both (failure rule 11).
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  type Subscription,
  type SubscriptionOptions,
} from "nats";
import {
  type Broker,
  BrokerDisconnected,
  type BrokerMessage,
  type BrokerStatus,
  type BrokerSubscription,
} from "./broker.ts";
import { batchOn, breakSocket, readMessage } from "./client-internals.ts";
import type { OutboundBatch } from "./outbound-batch.ts";
import { translateStatus } from "./translate-status.ts";

/** Client ping: a server that does not answer two pings one second apart is dead. */
const PING_INTERVAL_MS = 1_000;
const MAX_PINGS_OUT = 2;
/** A server that does not accept within this is passed over. */
const CONNECT_TIMEOUT_MS = 1_000;
/** The first connection is tried so often against servers that do not answer in time; later ones without end. */
const FIRST_DIALS = 5;
/** Redial after 20 to 80 ms, by chance, so that a thousand clients do not return in one instant. */
const REDIAL_MIN_MS = 20;
const REDIAL_SPREAD_MS = 60;

/** All clients of a server hear at once that it will go: each moves within this, in ms, by chance. */
const MOVE_SPREAD_MS = 500;
/** Nobody else takes us now: tried again after this, in ms. The server gives its clients ten seconds. */
const MOVE_RETRY_MS = 500;
/** Subscriptions on the new connection are known to every server of a cluster after this, in ms; then the old ones end. */
const OVERLAP_MS = 500;
/** The old connection stays open for this, in ms, for requests of JetStream that were sent on it. */
const LINGER_MS = 2_000;
/** First line of nats-server whose 503 names its subject: its pull request 5250. */
const NAMES_UNHEARD = [2, 12] as const;

export interface NatsBrokerOptions {
  /** `nats://host:port`, one or several separated by commas. */
  readonly servers: string | readonly string[];
  /** Text of a `.creds` file. */
  readonly credentials?: string;
  /** Name of the connection as the broker's monitoring shows it. */
  readonly name: string;
  /** Prefix of this connection's own inboxes, needed by JetStream requests: `_INBOX.<principal>`. */
  readonly inboxPrefix?: string;
  readonly tls?: {
    readonly ca?: string;
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
  };
  /** What a callback threw; the read loop goes on. */
  readonly onCallbackError?: (error: unknown, subject: string) => void;
  /** Chance for redial, in [0, 1). */
  readonly random?: () => number;
}

/** Connects, or throws an Error that says which servers were tried and what each answered. */
export async function connectNats(options: NatsBrokerOptions): Promise<NatsBroker> {
  const servers =
    typeof options.servers === "string" ? options.servers.split(",").map((s) => s.trim()) : [...options.servers];
  const random = options.random ?? Math.random;
  const dial = async (): Promise<NatsConnection> => await connect(clientOptions(options, servers, random));
  for (let dials = 1; ; dials++) {
    try {
      const onCallbackError = options.onCallbackError ?? nothing;
      return new NatsBroker(await dial(), { dial, random, onCallbackError, hasOtherServers: servers.length > 1 });
    } catch (cause) {
      if (dials === FIRST_DIALS || !isTimeout(cause)) throw connectError(cause, servers);
    }
  }
}

function nothing(): void {}

/** A fresh object each time: the client writes into it. */
function clientOptions(
  options: NatsBrokerOptions,
  servers: readonly string[],
  random: () => number,
): ConnectionOptions {
  const { name, credentials, inboxPrefix, tls } = options;
  return {
    servers: [...servers],
    name,
    noAsyncTraces: true,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: MAX_PINGS_OUT,
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => REDIAL_MIN_MS + Math.floor(random() * REDIAL_SPREAD_MS),
    ...(credentials === undefined ? {} : { authenticator: credsAuthenticator(new TextEncoder().encode(credentials)) }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(tls === undefined ? {} : { tls: { ...tls } }),
  };
}

/** A server that is there and slow to answer: a busy machine, or many who come at once. */
function isTimeout(cause: unknown): boolean {
  return cause instanceof Error && /timeout/i.test(cause.message);
}

function connectError(cause: unknown, servers: readonly string[]): Error {
  const where = servers.map(withoutUserInfo).join(", ");
  const message = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof errors.AuthorizationError || /authorization|authentication/i.test(message)) {
    return new Error(
      `the broker at ${where} refused these credentials (${message}). They may be expired or made for another mesh: issue new ones with \`malla credentials issue\`.`,
      { cause },
    );
  }
  return new Error(
    `no broker answers at ${where} (${message}). Is it running? \`malla up\` starts one; NATS_URL or --servers says where it is.`,
    {
      cause,
    },
  );
}

/** An address as it may be shown: what stands before an `@` may be a password. */
function withoutUserInfo(server: string): string {
  return server.replace(/^([a-z]+:\/\/)?[^/]*@/i, "$1");
}

interface NatsBrokerPorts {
  /** Another connection with the same options. */
  readonly dial: () => Promise<NatsConnection>;
  readonly random: () => number;
  readonly onCallbackError: (error: unknown, subject: string) => void;
  readonly hasOtherServers: boolean;
}

/** A subscription of ours, which outlives the connections it is made on. */
interface Lasting {
  readonly subject: string;
  readonly options: SubscriptionOptions;
  /** On the connection in use; on the one that is left behind as well, as long as both are heard. */
  readonly made: Subscription[];
}

/** One place on NATS: a connection, and while its server goes away a second one. */
export class NatsBroker implements Broker {
  #connection: NatsConnection;
  /** What this turn has published on it; undefined with a client of another make. */
  #batch: OutboundBatch | undefined;
  readonly #ports: NatsBrokerPorts;
  readonly #lasting = new Set<Lasting>();
  readonly #listeners = new Set<(status: BrokerStatus) => void>();
  #connected = true;
  #moving = false;
  #closing = false;
  /** The connection that was moved away from, until it is closed. */
  #leftBehind: NatsConnection | undefined;

  constructor(connection: NatsConnection, ports: NatsBrokerPorts) {
    this.#connection = connection;
    this.#batch = batchOn(connection);
    this.#ports = ports;
    this.#watch(connection);
  }

  /** The client's own connection, for the JetStream adapters beside this file: another one after a move. */
  get connection(): NatsConnection {
    return this.#connection;
  }

  /** Whether the client lets us write a turn's messages at once; if not, it does what it can. */
  get batches(): boolean {
    return this.#batch !== undefined;
  }

  get connected(): boolean {
    return this.#connected;
  }

  get maxPayloadBytes(): number {
    return this.#connection.info?.max_payload ?? 1024 * 1024;
  }

  get namesUnheard(): boolean {
    const [major = 0, minor = 0] = this.serverVersion.split(".").map(Number);
    return major > NAMES_UNHEARD[0] || (major === NAMES_UNHEARD[0] && minor >= NAMES_UNHEARD[1]);
  }

  get hearsTwice(): boolean {
    return this.#moving;
  }

  get hasOtherServers(): boolean {
    return this.#ports.hasOtherServers;
  }

  /** As the server says it of itself: `2.15.2`. */
  get serverVersion(): string {
    return this.#connection.info?.version ?? "unknown";
  }

  get server(): string {
    return this.#connection.getServer();
  }

  publish(subject: string, payload: Uint8Array, reply?: string, headers?: Uint8Array): void {
    if (!this.#connected) throw new BrokerDisconnected();
    if (this.#batch?.add(subject, reply ?? "", headers, payload) === true) return;
    this.#batch?.flush();
    // A fresh literal each time: the client writes into the options it is given.
    this.#connection.publish(subject, payload, {
      ...(reply === undefined ? {} : { reply }),
      ...(headers === undefined ? {} : { headers: { encode: () => headers } as never }),
    });
  }

  subscribe(subject: string, onMessage: (message: BrokerMessage) => void, queue?: string): BrokerSubscription {
    const options: SubscriptionOptions = {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message): void => {
        // Anything thrown here would end the client's read loop without a sign.
        if (error !== null) return;
        try {
          onMessage(readMessage(message));
        } catch (thrown) {
          this.#ports.onCallbackError(thrown, subject);
        }
      },
    };
    this.#batch?.flush();
    const lasting: Lasting = { subject, options, made: [this.#connection.subscribe(subject, { ...options })] };
    this.#lasting.add(lasting);
    return {
      unsubscribe: () => {
        this.#batch?.flush();
        this.#lasting.delete(lasting);
        for (const subscription of lasting.made) subscription.unsubscribe();
      },
      drain: async () => {
        this.#batch?.flush();
        this.#lasting.delete(lasting);
        await Promise.all(lasting.made.map(async (subscription) => this.#drain(subscription)));
      },
    };
  }

  async #drain(subscription: Subscription): Promise<void> {
    if (this.#connected) await this.#unlessLost(subscription.drain());
    else subscription.unsubscribe();
  }

  /**
   * Settles with what the server is asked, or when the connection is lost: the client would wait for an answer until after
   * the next one, or for ever if none comes.
   */
  async #unlessLost(asked: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      const stopListening = this.onStatus(({ type }) => {
        if (type === "disconnected" || type === "closed") done();
      });
      const done = (): void => {
        stopListening();
        resolve();
      };
      void asked.then(done, done);
    });
  }

  async flush(): Promise<void> {
    this.#batch?.flush();
    if (this.#connected) await this.#unlessLost(this.#connection.flush());
  }

  onStatus(listener: (status: BrokerStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async roundTripMs(): Promise<number> {
    return this.#connection.rtt();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#batch?.flush();
    await Promise.all([closeQuietly(this.#connection), closeQuietly(this.#leftBehind)]);
  }

  /** Follows a connection for as long as it is the one in use. */
  #watch(connection: NatsConnection): void {
    void this.#watchStatus(connection);
    void connection.closed().then((error) => {
      if (connection !== this.#connection) return;
      this.#connected = false;
      this.#tell({ type: "closed", error: error instanceof Error ? error : undefined });
    });
  }

  async #watchStatus(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "staleConnection") breakSocket(connection);
      const told = translateStatus(status);
      if (told === undefined || connection !== this.#connection) continue;
      if (told.type === "connected") this.#connected = true;
      if (told.type === "disconnected") this.#connected = false;
      if (told.type === "lame-duck") void this.#move(connection);
      this.#tell(told);
    }
  }

  /** Goes to another server before this one ends. Where none takes us, the client reconnects when it has ended. */
  async #move(from: NatsConnection): Promise<void> {
    if (this.#moving) return;
    this.#moving = true;
    try {
      await pause(this.#ports.random() * MOVE_SPREAD_MS);
      const to = await this.#dialAnother(from);
      if (to !== undefined) await this.#takeOver(from, to);
    } finally {
      this.#moving = false;
    }
  }

  /** A connection to another server. Undefined if the old one was lost or closed meanwhile. */
  async #dialAnother(from: NatsConnection): Promise<NatsConnection | undefined> {
    while (this.#connected && !this.#closing) {
      const to = await this.#ports.dial().catch(() => undefined);
      if (to !== undefined) {
        if (to.info?.server_id !== from.info?.server_id && this.#connected && !this.#closing) return to;
        await to.close();
      }
      await pause(MOVE_RETRY_MS);
    }
    return undefined;
  }

  async #takeOver(from: NatsConnection, to: NatsConnection): Promise<void> {
    const joined = new Set<Lasting>();
    const join = (): void => {
      for (const lasting of this.#lasting) {
        if (joined.has(lasting)) continue;
        joined.add(lasting);
        lasting.made.unshift(to.subscribe(lasting.subject, { ...lasting.options }));
      }
    };
    join();
    await to.flush().catch(() => undefined);
    // What was subscribed meanwhile is on the old connection alone, which will be closed.
    join();
    this.#batch?.flush();
    this.#leftBehind = from;
    this.#connection = to;
    this.#batch = batchOn(to);
    this.#connected = true;
    this.#watch(to);
    this.#tell({ type: "moved" });
    if (this.#closing) return await closeQuietly(to);
    await pause(OVERLAP_MS);
    await Promise.all([...this.#lasting].map(async ({ made }) => Promise.all(made.splice(1).map(endQuietly))));
    await pause(LINGER_MS);
    await closeQuietly(from);
    this.#leftBehind = undefined;
  }

  #tell(status: BrokerStatus): void {
    for (const listener of this.#listeners) {
      try {
        listener(status);
      } catch (thrown) {
        this.#ports.onCallbackError(thrown, "status");
      }
    }
  }
}

/** Keeps no process alive. */
async function pause(ms: number): Promise<void> {
  await sleep(ms, undefined, { ref: false });
}

async function closeQuietly(connection: NatsConnection | undefined): Promise<void> {
  if (connection !== undefined && !connection.isClosed()) await connection.close();
}

/** What was sent to it still arrives. */
async function endQuietly(subscription: Subscription): Promise<void> {
  await subscription.drain().catch(() => undefined);
}
