// A broker that shows all that is published on it, so that what a part of the mesh says can be judged message by message.
import type { Broker, BrokerMessage } from "@malla/sdk/broker";
import { type HeaderBlock, MAX_BLOCK_BYTES, parseHeaderBlock } from "@malla/sdk/contract";
import { must } from "./target.ts";

const EMPTY = new Uint8Array(0);
/** What a router writes beside the headers it passes on: deadline, trace, ids. */
const OWN_HEADERS_BYTES = 4 * 1024;

export class WatchedBroker implements Broker {
  readonly #broker: Broker;
  #published: BrokerMessage[] = [];

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** What was published since the last time this was asked. */
  takePublished(): readonly BrokerMessage[] {
    const published = this.#published;
    this.#published = [];
    return published;
  }

  get connected(): boolean {
    return this.#broker.connected;
  }

  get maxPayloadBytes(): number {
    return this.#broker.maxPayloadBytes;
  }

  get namesUnheard(): boolean {
    return this.#broker.namesUnheard;
  }

  get hearsTwice(): boolean {
    return this.#broker.hearsTwice;
  }

  get hasOtherServers(): boolean {
    return this.#broker.hasOtherServers;
  }

  get server(): string {
    return this.#broker.server;
  }

  publish(subject: string, payload: Uint8Array, reply = "", headers: Uint8Array = EMPTY): void {
    this.#broker.publish(subject, payload, reply, headers);
    this.#published.push({ subject, reply, headers, payload });
  }

  subscribe(...args: Parameters<Broker["subscribe"]>): ReturnType<Broker["subscribe"]> {
    return this.#broker.subscribe(...args);
  }

  flush(): Promise<void> {
    return this.#broker.flush();
  }

  onStatus(...args: Parameters<Broker["onStatus"]>): ReturnType<Broker["onStatus"]> {
    return this.#broker.onStatus(...args);
  }

  roundTripMs(): Promise<number> {
    return this.#broker.roundTripMs();
  }

  close(): Promise<void> {
    return this.#broker.close();
  }
}

/** Headers the mesh publishes can be read by every part of it, hold no status line, and say nothing twice. */
export function checkPublishedHeaders(bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  must(bytes.length <= MAX_BLOCK_BYTES + OWN_HEADERS_BYTES, `a block of ${bytes.length} bytes was published`);
  if (bytes.length > MAX_BLOCK_BYTES) return;
  const block = parseHeaderBlock(bytes);
  must(typeof block !== "string", `a block was published that cannot be read: ${String(block)}`);
  must(block.status === 0, "a status line was published");
  checkSaidOnce(block);
}

function checkSaidOnce({ fields }: HeaderBlock): void {
  const seen = new Set<string>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    if (!name.startsWith("malla-")) continue;
    must(!seen.has(name), `${name} was published twice`);
    seen.add(name);
  }
}
