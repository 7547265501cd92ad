// The port to the broker: what the mesh needs of it and no more. `nats-broker.ts` is the real one, `memory-broker.ts`
// (behind @malla/sdk/testing) a twin in memory; `broker.contract.ts` holds for both.

/** A message as it came. Header bytes are the raw block, read by the strict scanner of `contract/header-block.ts`. */
export interface BrokerMessage {
  readonly subject: string;
  /** Empty when the sender wants no answer. */
  readonly reply: string;
  /** Empty when there are none. */
  readonly headers: Uint8Array;
  readonly payload: Uint8Array;
}

export interface BrokerSubscription {
  /** No message arrives after this. */
  unsubscribe(): void;
  /** The broker sends no more at once; what it has sent already still arrives before this resolves. Never rejects. */
  drain(): Promise<void>;
}

export type BrokerStatus =
  | { readonly type: "connected" }
  | { readonly type: "disconnected" }
  /** The server will go away soon: this connection moves to another one before it does. */
  | { readonly type: "lame-duck" }
  /** It has moved: for a moment a message may be heard twice. */
  | { readonly type: "moved" }
  /** A publish or subscribe this connection may not do; the broker tells so asynchronously. */
  | { readonly type: "denied"; readonly operation: string; readonly subject: string }
  | { readonly type: "error"; readonly error: Error }
  | { readonly type: "closed"; readonly error: Error | undefined };

export interface Broker {
  /** False while the connection is down. */
  readonly connected: boolean;
  /** Largest message (headers and payload) the broker carries, in bytes. */
  readonly maxPayloadBytes: number;
  /** Whether the broker's 503 says which subject nobody listens on: nats-server does from 2.12 on. */
  readonly namesUnheard: boolean;
  /** While it moves to another server everything is heard on both: what was answered a moment ago may come again. */
  readonly hearsTwice: boolean;
  /** Whether it knows other servers to go to when it loses this one. */
  readonly hasOtherServers: boolean;
  /** Server this connection is on now, for people: `nats://127.0.0.1:4222`. */
  readonly server: string;
  /**
   * Sends. Throws `BrokerDisconnected` while the connection is down: nothing is buffered, so nothing vanishes unseen.
   * `headers` is a whole encoded block.
   */
  publish(subject: string, payload: Uint8Array, reply?: string, headers?: Uint8Array): void;
  /**
   * Callback for every message, called on the read loop: it must not block, and what it throws is logged, never lost.
   * Survives reconnects.
   */
  subscribe(subject: string, onMessage: (message: BrokerMessage) => void, queue?: string): BrokerSubscription;
  /** Resolves when the server has seen everything sent before, or the connection was lost: then it may not have. */
  flush(): Promise<void>;
  /** Tells each change of state until the broker is closed; returns how to stop listening. */
  onStatus(listener: (status: BrokerStatus) => void): () => void;
  /** Round trip to the server in ms. */
  roundTripMs(): Promise<number>;
  close(): Promise<void>;
}

/** A publish while the connection is down. Nothing was sent. */
export class BrokerDisconnected extends Error {
  constructor() {
    super("the connection to the broker is down; nothing was sent");
    this.name = "BrokerDisconnected";
  }
}
