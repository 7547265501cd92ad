// A twin of a NATS server and its connections in memory: the same subjects, queue groups, no-responders and order, none of
// the sockets. What holds for both is written down in `broker/broker.contract.ts`.
import { Buffer } from "node:buffer";
import {
  type Broker,
  BrokerDisconnected,
  type BrokerMessage,
  type BrokerStatus,
  type BrokerSubscription,
} from "../broker/broker.ts";
import { seededRandom } from "./seeded-random.ts";

const EMPTY: Uint8Array = new Uint8Array(0);
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024;

export interface MemoryServerOptions {
  /** Chance by which a queue group's member is chosen. Default 1. */
  readonly seed?: number;
  /** Default 1 MiB. */
  readonly maxPayloadBytes?: number;
}

export interface MemoryBrokerOptions {
  /** What a callback threw. Default: nothing is done with it. */
  readonly onCallbackError?: (error: unknown, subject: string) => void;
}

interface Subscription {
  readonly broker: MemoryBroker;
  readonly pattern: readonly string[];
  readonly queue: string;
  readonly onMessage: (message: BrokerMessage) => void;
  open: boolean;
}

/** Whether a subject matches a pattern with `*` (one token) and `>` (one or more, at the end). */
export function matchesSubject(pattern: readonly string[], subject: readonly string[]): boolean {
  for (let i = 0; i < pattern.length; i++) {
    const token = pattern[i];
    if (token === ">") return i === pattern.length - 1 && subject.length > i;
    if (i >= subject.length || (token !== "*" && token !== subject[i])) return false;
  }
  return pattern.length === subject.length;
}

/** What nats-server sends to a requester when nobody listens; since 2.12 it names the subject. */
function noResponders(subject: string): Uint8Array {
  return Buffer.from(`NATS/1.0 503\r\nNats-Subject: ${subject}\r\n\r\n`);
}

/** One server with one account: connections made by `connect` hear each other. */
export class MemoryServer {
  readonly maxPayloadBytes: number;
  readonly #random: () => number;
  readonly #subscriptions = new Set<Subscription>();
  readonly #losses = new Set<(message: BrokerMessage) => boolean>();
  #inTransit: (() => void)[] = [];
  #scheduled = false;

  constructor({ seed = 1, maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES }: MemoryServerOptions = {}) {
    this.#random = seededRandom(seed);
    this.maxPayloadBytes = maxPayloadBytes;
  }

  connect(options: MemoryBrokerOptions = {}): MemoryBroker {
    return new MemoryBroker(this, options.onCallbackError ?? ((): void => undefined));
  }

  /** Loses every message of which `predicate` is true, as a reset route does: no 503 tells of it. Returns how to stop. */
  lose(predicate: (message: BrokerMessage) => boolean): () => void {
    this.#losses.add(predicate);
    return () => this.#losses.delete(predicate);
  }

  /** Resolves when nothing is on its way and nothing that arrived has made anything new; fake timers do not count. */
  async settle(): Promise<void> {
    // What a delivery set going may take an immediate of its own before it publishes.
    for (let quiet = 0; quiet < 3; quiet++) {
      if (this.#scheduled) quiet = 0;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** @internal */
  subscribe(subscription: Subscription): void {
    this.#subscriptions.add(subscription);
  }

  /** @internal */
  unsubscribe(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
  }

  /** Routes a message by the interest there is now; delivery follows in the next batch. @internal */
  route(from: MemoryBroker, message: BrokerMessage): void {
    for (const loses of this.#losses) if (loses(message)) return;
    const subject = message.subject.split(".");
    const groups = new Map<string, Subscription[]>();
    let heard = false;
    for (const subscription of this.#subscriptions) {
      if (!matchesSubject(subscription.pattern, subject)) continue;
      heard = true;
      if (subscription.queue === "") this.#deliver(subscription, message);
      else groups.set(subscription.queue, [...(groups.get(subscription.queue) ?? []), subscription]);
    }
    for (const members of groups.values()) {
      this.#deliver(members[Math.floor(this.#random() * members.length)] as Subscription, message);
    }
    if (!heard && message.reply !== "") this.#sayNobodyListens(from, message);
  }

  /** To one subscription of the requester itself, as the server does. */
  #sayNobodyListens(to: MemoryBroker, { subject, reply }: BrokerMessage): void {
    const tokens = reply.split(".");
    for (const subscription of this.#subscriptions) {
      if (subscription.broker !== to || !matchesSubject(subscription.pattern, tokens)) continue;
      this.#deliver(subscription, { subject: reply, reply: "", headers: noResponders(subject), payload: EMPTY });
      return;
    }
  }

  #deliver(subscription: Subscription, message: BrokerMessage): void {
    const { broker } = subscription;
    const { generation } = broker;
    this.enqueue(() => {
      if (subscription.open && broker.generation === generation) broker.receive(subscription, message);
    });
  }

  /** Runs in the next batch, after everything that was sent before. @internal */
  enqueue(run: () => void): void {
    this.#inTransit.push(run);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // One batch is what one read of a socket brings: all of it before the next immediate.
    setImmediate(() => {
      this.#scheduled = false;
      const batch = this.#inTransit;
      this.#inTransit = [];
      for (const next of batch) next();
    });
  }
}

/** One connection to a MemoryServer. */
export class MemoryBroker implements Broker {
  readonly server = "memory://";
  readonly #server: MemoryServer;
  readonly #onCallbackError: (error: unknown, subject: string) => void;
  readonly #subscriptions = new Set<Subscription>();
  readonly #listeners = new Set<(status: BrokerStatus) => void>();
  #state: "connected" | "disconnected" | "closed" = "connected";
  /** Grows with each disconnect: what was on its way to an older connection is lost. @internal */
  generation = 0;

  /** Made by `MemoryServer.connect`. */
  constructor(server: MemoryServer, onCallbackError: (error: unknown, subject: string) => void) {
    this.#server = server;
    this.#onCallbackError = onCallbackError;
  }

  get connected(): boolean {
    return this.#state === "connected";
  }

  readonly namesUnheard = true;
  /** Set by a test that sends a message twice. */
  hearsTwice = false;
  /** Set by a test in which this server is one of several. */
  hasOtherServers = false;

  get maxPayloadBytes(): number {
    return this.#server.maxPayloadBytes;
  }

  publish(subject: string, payload: Uint8Array, reply = "", headers: Uint8Array = EMPTY): void {
    if (!this.connected) throw new BrokerDisconnected();
    if (payload.length + headers.length > this.maxPayloadBytes) {
      throw new RangeError(
        `a message of ${payload.length + headers.length} bytes: ${this.maxPayloadBytes} are carried`,
      );
    }
    // Copied, as a socket would: the sender may write into its buffers again.
    const message = { subject, reply, headers: Uint8Array.from(headers), payload: Uint8Array.from(payload) };
    this.#server.route(this, message);
  }

  subscribe(subject: string, onMessage: (message: BrokerMessage) => void, queue = ""): BrokerSubscription {
    if (this.#state === "closed") throw new BrokerDisconnected();
    const subscription: Subscription = { broker: this, pattern: subject.split("."), queue, onMessage, open: true };
    this.#subscriptions.add(subscription);
    if (this.connected) this.#server.subscribe(subscription);
    const unsubscribe = (): void => {
      subscription.open = false;
      this.#subscriptions.delete(subscription);
      this.#server.unsubscribe(subscription);
    };
    return {
      unsubscribe,
      drain: async () => {
        this.#server.unsubscribe(subscription);
        if (this.connected) await this.flush();
        unsubscribe();
      },
    };
  }

  async flush(): Promise<void> {
    if (this.connected) await new Promise<void>((resolve) => this.#server.enqueue(resolve));
  }

  onStatus(listener: (status: BrokerStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async roundTripMs(): Promise<number> {
    await this.flush();
    return 0;
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#leave("closed");
    this.tell({ type: "closed", error: undefined });
  }

  /** Cuts the connection: what is on its way to it is lost, others hear no more of its subscriptions. */
  disconnect(): void {
    if (this.#state !== "connected") return;
    this.#leave("disconnected");
    this.tell({ type: "disconnected" });
  }

  /** Connects again, subscriptions first. */
  reconnect(): void {
    if (this.#state !== "disconnected") return;
    this.#state = "connected";
    for (const subscription of this.#subscriptions) this.#server.subscribe(subscription);
    this.tell({ type: "connected" });
  }

  /** Tells every listener a status, also one a server would: `lame-duck`, `denied`. */
  tell(status: BrokerStatus): void {
    for (const listener of this.#listeners) this.#guard(() => listener(status), "status");
  }

  /** @internal */
  receive(subscription: Subscription, message: BrokerMessage): void {
    this.#guard(() => subscription.onMessage(message), subscription.pattern.join("."));
  }

  #leave(state: "disconnected" | "closed"): void {
    this.#state = state;
    this.generation++;
    for (const subscription of this.#subscriptions) this.#server.unsubscribe(subscription);
  }

  #guard(run: () => void, subject: string): void {
    try {
      run();
    } catch (thrown) {
      this.#onCallbackError(thrown, subject);
    }
  }
}
