// Where we reach into the NATS client, which knows no faster public way. What is not there in another version is done without; a test
// tells when that happens.
import type { Msg, NatsConnection } from "nats";
import type { BrokerMessage } from "./broker.ts";
import { type CommandParser, InboundScanner, type MessageHandler } from "./inbound-scanner.ts";
import { OutboundBatch } from "./outbound-batch.ts";

/** What the client keeps of a connection. */
interface ClientConnection {
  readonly protocol?: {
    sendCommand?(bytes: Uint8Array): void;
    /** Puts what the client itself has to send on the socket. */
    flushPending?(): void;
    /** A socket is there, and the server has taken us. */
    readonly connected?: boolean;
    readonly transport?: { readonly socket?: ClientSocket };
    /** Another one after each loss of the connection. */
    parser?: CommandParser;
    readonly subscriptions?: { get?(sid: number): { readonly callback?: OwnCallback } | undefined };
  };
}

/** A stream of Node. */
interface ClientSocket {
  destroy(): void;
  write(bytes: Uint8Array): boolean;
  /** Bytes it still holds. */
  readonly writableLength: number;
  readonly writable: boolean;
}

/** A subscription's callback that says how to go round the client. */
interface OwnCallback {
  [OWN]?: MessageHandler;
}
const OWN = Symbol("handler of messages");

/** A callback for the client that passes each message on to `handle`, which must not throw. */
export function callbackTo(handle: MessageHandler): (error: Error | null, message: Msg) => void {
  const callback = (error: Error | null, message: Msg): void => {
    if (error === null) handle(readMessage(message));
  };
  return Object.assign(callback, { [OWN]: handle });
}

/**
 * From now on messages for callbacks by `callbackTo` are read by a scanner of ours, past the client's parser. False if this client
 * cannot be made to; then they come by the callbacks. To be called right after the connection is made, before anything is
 * subscribed.
 */
export function scanOn(connection: NatsConnection): boolean {
  const { protocol } = connection as unknown as ClientConnection;
  const first = protocol?.parser;
  const subscriptions = protocol?.subscriptions;
  if (typeof first?.parse !== "function" || typeof subscriptions?.get !== "function") return false;
  const scannerFor = (parser: CommandParser): InboundScanner =>
    new InboundScanner(parser, (sid) => subscriptions.get?.(sid)?.callback?.[OWN]);
  let scanner = scannerFor(first);
  Object.defineProperty(protocol, "parser", {
    get: () => scanner,
    set: (parser: CommandParser) => {
      scanner = scannerFor(parser);
    },
  });
  return true;
}

/**
 * Ends the socket of a connection whose server answers no pings. The client would first wait until what it has written is taken,
 * which behind a link where packets go nowhere is when the system gives the connection up: seconds, or a quarter of an hour.
 */
export function breakSocket(connection: NatsConnection): void {
  (connection as unknown as ClientConnection).protocol?.transport?.socket?.destroy();
}

/** A batch whose bytes go on the client's socket behind all it has sent itself; undefined if that cannot be. */
export function batchOn(connection: NatsConnection): OutboundBatch | undefined {
  const { protocol } = connection as unknown as ClientConnection;
  if (typeof protocol?.sendCommand !== "function") return undefined;
  return new OutboundBatch((bytes) => {
    const socket = protocol.transport?.socket;
    if (protocol.connected === true && socket?.writable === true && typeof protocol.flushPending === "function") {
      protocol.flushPending();
      socket.write(bytes);
      return socket.writableLength === 0;
    }
    // While it redials the client throws away what waits, and so do we.
    if (!connection.isClosed()) protocol.sendCommand?.(bytes);
    return false;
  });
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
