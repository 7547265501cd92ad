// A place on NATS that outlives its connections. A server that says it will go is left before it does, and so are one that is not
// home, and a connection whose credentials end: another connection is made first, and for a moment everything is heard on both
// (failure rule 11).
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection, Subscription, SubscriptionOptions } from "nats";
import {
  type Broker,
  BrokerDisconnected,
  type BrokerMessage,
  type BrokerStatus,
  type BrokerSubscription,
} from "./broker.ts";
import { batchOn, breakSocket, callbackTo } from "./client-internals.ts";
import { isRefusal } from "./connect-error.ts";
import type { MoveOutcome } from "./credentials-renewal.ts";
import type { DialFailure, Dialled, Dialler } from "./dialler.ts";
import { hearsAlike } from "./hears-alike.ts";
import type { OutboundBatch } from "./outbound-batch.ts";
import { translateStatus } from "./translate-status.ts";

/** All clients of a server hear at once that it will go: each moves within this, in ms, by chance. */
const MOVE_SPREAD_MS = 500;
/** Nobody else takes us now: tried again after this, in ms. The server gives its clients ten seconds. */
const MOVE_RETRY_MS = 500;
/** Subscriptions on the new connection are known to every server of a cluster after this, in ms; then the old ones end. */
const OVERLAP_MS = 500;
/** The old connection stays open for this, in ms, for requests of JetStream that were sent on it. */
const LINGER_MS = 2_000;
/**
 * A server that is back is listened to for so long, in ms, before anything is sent through it. Servers dial each other every second,
 * and routers say every second that they are there.
 */
const TRIAL_MS = 2_500;
/** First line of nats-server whose 503 names its subject: its pull request 5250. */
const NAMES_UNHEARD = [2, 12] as const;

/** What asks through another connection whether a move to it would lose anything. */
export type Trial = (connection: NatsConnection) => Promise<boolean>;

export interface NatsBrokerPorts {
  readonly dialler: Pick<Dialler, "servers" | "home" | "dial" | "dialFirst">;
  readonly random: () => number;
  readonly onCallbackError: (error: unknown, subject: string) => void;
  /** The broker does not take the credentials, or no longer. */
  readonly onRefused?: () => void;
  /** Resolves after so many ms; rejects when `signal` says so. Default: a timer that keeps no process alive. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A subscription of ours, which outlives the connections it is made on. */
interface Lasting {
  readonly subject: string;
  readonly options: SubscriptionOptions;
  /** On the connection in use; on the one that is left behind as well, as long as both are heard. */
  readonly made: Subscription[];
}

/** One place on NATS: a connection, and while it is moved a second one. */
export class NatsBroker implements Broker {
  #at: Dialled;
  /** What this turn has published on it; undefined with a client of another make. */
  #batch: OutboundBatch | undefined;
  readonly #ports: NatsBrokerPorts;
  readonly #lasting = new Set<Lasting>();
  readonly #listeners = new Set<(status: BrokerStatus) => void>();
  readonly #trials = new Set<Trial>();
  readonly #closing = new AbortController();
  #connected = true;
  /** Moves wait for each other. */
  #lastMove: Promise<unknown> = Promise.resolve();
  /** Servers that said they will go, by their connections. */
  readonly #ending = new WeakSet<Dialled>();
  /** Connections that were moved away from, until they are closed. */
  readonly #leftBehind = new Set<NatsConnection>();

  constructor(dialled: Dialled, ports: NatsBrokerPorts) {
    this.#at = dialled;
    this.#batch = batchOn(dialled.connection);
    this.#ports = ports;
    // Each pause under way listens to it.
    setMaxListeners(0, this.#closing.signal);
    this.#watch(dialled);
  }

  /** The client's own connection, for the JetStream adapters beside this file: another one after a move. */
  get connection(): NatsConnection {
    return this.#at.connection;
  }

  get #connection(): NatsConnection {
    return this.#at.connection;
  }

  /** Whether the client lets us write a turn's messages at once and read them ourselves; if not, it does what it can. */
  get isFast(): boolean {
    return this.#batch !== undefined && this.#at.scans;
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
    return this.#leftBehind.size > 0;
  }

  get hasOtherServers(): boolean {
    return this.#ports.dialler.servers.length > 1;
  }

  /** As the server says it of itself: `2.15.2`. */
  get serverVersion(): string {
    return this.#connection.info?.version ?? "unknown";
  }

  get server(): string {
    return this.#connection.getServer();
  }

  /** Connected, and not to the server that is this connection's home. */
  get isAway(): boolean {
    return this.#connected && this.#at.order.current !== this.#ports.dialler.home;
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
      callback: callbackTo((message) => {
        // Anything thrown here would end the client's read loop without a sign.
        try {
          onMessage(message);
        } catch (thrown) {
          this.#ports.onCallbackError(thrown, subject);
        }
      }),
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

  /** Resolves after so many ms; rejects when this broker is closed. */
  async pause(ms: number): Promise<void> {
    await (this.#ports.pause ?? pause)(ms, this.#closing.signal);
  }

  /** `trial` is asked before this connection goes home. For the JetStream adapters, which subscribe nothing. */
  tryFirst(trial: Trial): void {
    this.#trials.add(trial);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#batch?.flush();
    await Promise.all([this.#connection, ...this.#leftBehind].map(closeQuietly));
  }

  /** Follows a connection from the first moment on; what it says of itself is told while it is the one in use. */
  #watch(dialled: Dialled): Dialled {
    void this.#watchStatus(dialled);
    void dialled.connection.closed().then((error) => {
      if (dialled !== this.#at) return;
      this.#connected = false;
      this.#tell({ type: "closed", error: error instanceof Error ? error : undefined });
    });
    return dialled;
  }

  async #watchStatus(dialled: Dialled): Promise<void> {
    for await (const status of dialled.connection.status()) {
      if (status.type === "staleConnection") breakSocket(dialled.connection);
      const told = translateStatus(status);
      if (told === undefined) continue;
      if (told.type === "lame-duck") this.#ending.add(dialled);
      if (told.type === "disconnected") dialled.order.lost();
      if (dialled !== this.#at) continue;
      if (told.type === "connected") this.#connected = true;
      if (told.type === "disconnected") this.#connected = false;
      if (told.type === "lame-duck") void this.#leave(dialled);
      if (told.type === "error" && isRefusal(told.error)) this.#ports.onRefused?.();
      this.#tell(told);
    }
  }

  /** Goes to another server before this one ends. Where none takes us, the client reconnects when it has ended. */
  async #leave(from: Dialled): Promise<void> {
    await this.#move(async () => {
      if (this.#at !== from) return undefined;
      await this.pause(this.#ports.random() * MOVE_SPREAD_MS);
      while (this.#connected) {
        const isAnother = ({ connection }: Dialled): boolean =>
          connection.info?.server_id !== from.connection.info?.server_id;
        const to = await this.#ports.dialler.dialFirst(this.#serversFrom(false), isAnother);
        if ("connection" in to) return this.#watch(to);
        await this.pause(MOVE_RETRY_MS);
      }
      return undefined;
    });
  }

  /** Goes to the home server if it is there and hears what this connection hears. Resolves to whether it is home then. */
  async goHome(): Promise<boolean> {
    return await this.#move(async () => {
      if (!this.isAway) return undefined;
      const to = await this.#ports.dialler.dial(this.#ports.dialler.home).catch(() => undefined);
      if (to === undefined || (await this.#isGood(this.#watch(to)).catch(() => false))) return to;
      await closeQuietly(to.connection);
      return undefined;
    });
  }

  /** Goes to a connection with these credentials, on the same server if it may. */
  async renew(credentials: string): Promise<MoveOutcome> {
    let failures: readonly DialFailure[] = [];
    const hasMoved = await this.#move(async () => {
      const to = await this.#ports.dialler.dialFirst(this.#serversFrom(true), undefined, credentials);
      if ("connection" in to) return this.#watch(to);
      failures = to;
      return undefined;
    });
    if (hasMoved) return "moved";
    return failures.some(({ cause }) => isRefusal(cause)) ? "refused" : "unreachable";
  }

  /** All servers in the order of this connection, the one it is on before all others or after them. */
  #serversFrom(currentFirst: boolean): readonly string[] {
    const { current } = this.#at.order;
    const others = this.#ports.dialler.servers.filter((server) => server !== current);
    return currentFirst ? [current, ...others] : [...others, current];
  }

  /**
   * Makes the connection that `find` brings the one in use, when no other move is under way. Resolves to whether it did: not
   * without one, and not if the one in use was lost or closed meanwhile, since the client dials for itself then.
   */
  async #move(find: () => Promise<Dialled | undefined>): Promise<boolean> {
    const move = this.#lastMove.then(async () => {
      const from = this.#at;
      if (!this.#connected) return false;
      const to = await find();
      if (to === undefined) return false;
      if (!this.#connected || this.#closing.signal.aborted || to.connection.isClosed()) {
        await closeQuietly(to.connection);
        return false;
      }
      return await this.#takeOver(from, to);
    });
    this.#lastMove = move.catch(() => undefined);
    return await move.catch(() => false);
  }

  /** Whether nothing would be lost by going there. */
  async #isGood({ connection }: Dialled): Promise<boolean> {
    const subjects = [...this.#lasting].filter(({ options }) => options.queue === undefined).map((one) => one.subject);
    const pause = async (ms: number): Promise<void> => await this.pause(ms);
    if (!(await hearsAlike(this.#connection, connection, subjects, TRIAL_MS, pause))) return false;
    const answers = [...this.#trials].map(async (trial) => await trial(connection));
    return (await Promise.all(answers)).every(Boolean);
  }

  /** Resolves to false, and all is as it was, if the new connection was lost by then or this broker closed. */
  async #takeOver(from: Dialled, to: Dialled): Promise<boolean> {
    const joined = new Map<Lasting, Subscription>();
    const join = (): void => {
      for (const lasting of this.#lasting) {
        if (joined.has(lasting)) continue;
        const subscription = to.connection.subscribe(lasting.subject, { ...lasting.options });
        joined.set(lasting, subscription);
        lasting.made.unshift(subscription);
      }
    };
    this.#leftBehind.add(from.connection);
    join();
    const isThere = await to.connection.flush().then(
      () => true,
      () => false,
    );
    if (!isThere || this.#closing.signal.aborted) {
      for (const [{ made }, subscription] of joined) made.splice(made.indexOf(subscription), 1);
      this.#leftBehind.delete(from.connection);
      await closeQuietly(to.connection);
      return false;
    }
    // What was subscribed meanwhile is on the old connection alone, which will be closed.
    join();
    this.#batch?.flush();
    this.#at = to;
    this.#batch = batchOn(to.connection);
    this.#connected = true;
    this.#tell({ type: "moved" });
    if (this.#ending.has(to)) void this.#leave(to);
    void this.#leaveBehind(from.connection);
    await this.pause(OVERLAP_MS).catch(nothing);
    await Promise.all([...this.#lasting].map(async ({ made }) => Promise.all(made.splice(1).map(endQuietly))));
    return true;
  }

  /** Closes it when all that was sent on it has been answered. */
  async #leaveBehind(connection: NatsConnection): Promise<void> {
    await this.pause(OVERLAP_MS + LINGER_MS).catch(nothing);
    await closeQuietly(connection);
    this.#leftBehind.delete(connection);
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

function nothing(): void {}

/** Keeps no process alive. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { ref: false, signal });
}

async function closeQuietly(connection: NatsConnection): Promise<void> {
  if (!connection.isClosed()) await connection.close();
}

/** What was sent to it still arrives. */
async function endQuietly(subscription: Subscription): Promise<void> {
  await subscription.drain().catch(() => undefined);
}
