// The only place that knows the NATS client. Settings are those of the failure model: a dead server is noticed in three
// seconds, a killed one at once, and reconnecting never ends.
import {
  connect,
  credsAuthenticator,
  errors,
  type Msg,
  type NatsConnection,
  type Status,
  type Subscription,
} from "nats";
import {
  type Broker,
  BrokerDisconnected,
  type BrokerMessage,
  type BrokerStatus,
  type BrokerSubscription,
} from "./broker.ts";

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
  for (let dial = 1; ; dial++) {
    try {
      const connection = await connect({
        servers,
        name: options.name,
        noAsyncTraces: true,
        pingInterval: PING_INTERVAL_MS,
        maxPingOut: MAX_PINGS_OUT,
        timeout: CONNECT_TIMEOUT_MS,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        reconnectDelayHandler: () => REDIAL_MIN_MS + Math.floor(random() * REDIAL_SPREAD_MS),
        ...(options.credentials === undefined
          ? {}
          : { authenticator: credsAuthenticator(new TextEncoder().encode(options.credentials)) }),
        ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
        ...(options.tls === undefined ? {} : { tls: { ...options.tls } }),
      });
      return new NatsBroker(connection, options.onCallbackError ?? ((): void => undefined));
    } catch (cause) {
      if (dial === FIRST_DIALS || !isTimeout(cause)) throw connectError(cause, servers);
    }
  }
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

/** One connection to NATS. */
export class NatsBroker implements Broker {
  readonly #connection: NatsConnection;
  readonly #onCallbackError: (error: unknown, subject: string) => void;
  readonly #listeners = new Set<(status: BrokerStatus) => void>();
  #connected = true;

  constructor(connection: NatsConnection, onCallbackError: (error: unknown, subject: string) => void) {
    this.#connection = connection;
    this.#onCallbackError = onCallbackError;
    void this.#watchStatus();
    void connection.closed().then((error) => {
      this.#connected = false;
      this.#tell({ type: "closed", error: error instanceof Error ? error : undefined });
    });
  }

  /** The client's own connection, for the JetStream adapters beside this file. */
  get connection(): NatsConnection {
    return this.#connection;
  }

  get connected(): boolean {
    return this.#connected;
  }

  get maxPayloadBytes(): number {
    return this.#connection.info?.max_payload ?? 1024 * 1024;
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
    // A fresh literal each time: the client writes into the options it is given.
    this.#connection.publish(subject, payload, {
      ...(reply === undefined ? {} : { reply }),
      ...(headers === undefined ? {} : { headers: { encode: () => headers } as never }),
    });
  }

  subscribe(subject: string, onMessage: (message: BrokerMessage) => void, queue?: string): BrokerSubscription {
    const subscription = this.#connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message): void => {
        // Anything thrown here would end the client's read loop without a sign.
        if (error !== null) return;
        try {
          onMessage(readMessage(message));
        } catch (thrown) {
          this.#onCallbackError(thrown, subject);
        }
      },
    });
    return {
      unsubscribe: () => subscription.unsubscribe(),
      drain: async () => this.#drain(subscription),
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
    if (!this.#connection.isClosed()) await this.#connection.close();
  }

  async #watchStatus(): Promise<void> {
    for await (const status of this.#connection.status()) {
      const told = translate(status);
      if (told === undefined) continue;
      if (told.type === "connected") this.#connected = true;
      if (told.type === "disconnected") this.#connected = false;
      this.#tell(told);
    }
  }

  #tell(status: BrokerStatus): void {
    for (const listener of this.#listeners) {
      try {
        listener(status);
      } catch (thrown) {
        this.#onCallbackError(thrown, "status");
      }
    }
  }
}

function translate(status: Status): BrokerStatus | undefined {
  switch (status.type) {
    case "reconnect":
      return { type: "connected" };
    case "disconnect":
      return { type: "disconnected" };
    case "ldm":
      return { type: "lame-duck" };
    case "error": {
      const { error } = status;
      if (error instanceof errors.PermissionViolationError) {
        return { type: "denied", operation: error.operation, subject: error.subject };
      }
      return { type: "error", error };
    }
    default:
      return undefined;
  }
}

/** What the client keeps of a message: not public, so absent in another version; the public way is then taken. */
interface ClientMessage {
  readonly _rdata?: Uint8Array;
  readonly _msg?: { readonly hdr: number };
}

const NONE: Uint8Array = new Uint8Array(0);

/** The raw header bytes are in the message; decoding them into the client's own type and back would cost twice. */
function readMessage(message: Msg): BrokerMessage {
  const raw = message as unknown as ClientMessage;
  let headers: Uint8Array = NONE;
  if (raw._rdata !== undefined && raw._msg !== undefined) {
    if (raw._msg.hdr > 0) headers = raw._rdata.subarray(0, raw._msg.hdr);
  } else if (message.headers !== undefined) {
    headers = (message.headers as unknown as { encode(): Uint8Array }).encode();
  }
  return { subject: message.subject, reply: message.reply ?? "", headers, payload: message.data };
}
