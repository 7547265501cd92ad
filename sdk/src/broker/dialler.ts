// Makes connections of the NATS client, each to a server that we chose. Settings are those of the failure model: a dead server is
// noticed in three seconds, a killed one at once, and reconnecting never ends.
import { type ConnectionOptions, connect, credsAuthenticator, type NatsConnection } from "nats";
import { scanOn } from "./client-internals.ts";
import { DialOrder } from "./dial-order.ts";
import type { TlsFiles } from "./tls-files.ts";

/** Client ping: a server that does not answer two pings one second apart is dead. */
const PING_INTERVAL_MS = 1_000;
const MAX_PINGS_OUT = 2;
/** A server that does not accept within this is passed over. */
const CONNECT_TIMEOUT_MS = 1_000;
/** Redial after 20 to 80 ms, by chance, so that a thousand clients do not return in one instant. */
const REDIAL_MIN_MS = 20;
const REDIAL_SPREAD_MS = 60;

export interface DialOptions {
  readonly name: string;
  readonly inboxPrefix?: string | undefined;
  readonly tls?: TlsFiles | undefined;
  /** All servers, this connection's home first. */
  readonly servers: readonly string[];
  readonly random: () => number;
  /** Text of the `.creds` file to be used now; asked at each dial. */
  readonly credentials: () => string | undefined;
}

/** A connection, and the place it has among the servers. */
export interface Dialled {
  readonly connection: NatsConnection;
  readonly order: DialOrder;
  /** Whether messages are read past the client's parser. */
  readonly scans: boolean;
}

/** A server that did not take us, and what it said. */
export interface DialFailure {
  readonly server: string;
  readonly cause: unknown;
}

export class Dialler {
  readonly #options: DialOptions;

  constructor(options: DialOptions) {
    this.#options = options;
  }

  /** All servers, home first. */
  get servers(): readonly string[] {
    return this.#options.servers;
  }

  get home(): string {
    return this.#options.servers[0] as string;
  }

  /**
   * Connects to this server and no other; once connected, the client goes to any of them when it loses it. `credentials`: to be tried
   * in place of those in use, until it is connected. Rejects with the client's error.
   */
  async dial(server: string, credentials?: string): Promise<Dialled> {
    const order = new DialOrder(this.#options.servers);
    let connected = false;
    const text = (): string | undefined =>
      connected || credentials === undefined ? this.#options.credentials() : credentials;
    const connection = await connect(this.#clientOptions(server, order, text));
    connected = true;
    // The client forgets a server that does not take it on the first dial, so it is told of all of them only now.
    connection.setServers([...this.#options.servers]);
    return { connection, order, scans: scanOn(connection) };
  }

  /** Connects to the first of these servers that takes us. Resolves to the failures if none does. */
  async dialFirst(
    servers: readonly string[],
    isRight: (dialled: Dialled) => boolean = () => true,
    credentials?: string,
  ): Promise<Dialled | readonly DialFailure[]> {
    const failures: DialFailure[] = [];
    for (const server of servers) {
      try {
        const dialled = await this.dial(server, credentials);
        if (isRight(dialled)) return dialled;
        await dialled.connection.close();
      } catch (cause) {
        failures.push({ server, cause });
      }
    }
    return failures;
  }

  /** A fresh object each time: the client writes into it. */
  #clientOptions(server: string, order: DialOrder, credentials: () => string | undefined): ConnectionOptions {
    const { name, inboxPrefix, tls, random } = this.#options;
    return {
      servers: [server],
      name,
      noAsyncTraces: true,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: MAX_PINGS_OUT,
      timeout: CONNECT_TIMEOUT_MS,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: () => REDIAL_MIN_MS + Math.floor(random() * REDIAL_SPREAD_MS),
      // The order is ours. The client's own shuffle stays on: with it the addresses of one name are tried in any order.
      reconnectToServer: (pool) => {
        const next = order.next(pool);
        return { server: next, delay: order.pauseMs(random()) };
      },
      ...(credentials() === undefined ? {} : { authenticator: (nonce) => sign(credentials(), nonce) }),
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
      ...(tls === undefined ? {} : { tls: { ...tls } }),
    };
  }
}

function sign(
  credentials: string | undefined,
  nonce: string | undefined,
): ReturnType<ReturnType<typeof credsAuthenticator>> {
  return credsAuthenticator(new TextEncoder().encode(credentials))(nonce);
}
