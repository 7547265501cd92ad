// A caller as any NATS client can be one: one inbox, one request, headers by hand, no SDK.
import { randomBytes } from "node:crypto";
import type { NatsBroker } from "@malla/sdk/broker";
import { callSubject, encodeHeaderBlock, type HeaderBlock, inboxSubject, parseHeaderBlock } from "@malla/sdk/contract";

export interface PlainReply {
  readonly headers: HeaderBlock;
  readonly payload: Uint8Array;
}

export class PlainCaller {
  readonly #broker: NatsBroker;
  readonly #principal: string;
  readonly #connection = randomBytes(6).toString("hex");
  readonly #waiting = new Map<string, (reply: PlainReply) => void>();
  #next = 0;

  /** `principal` is whom the connection's credentials name. */
  constructor(broker: NatsBroker, principal: string) {
    this.#broker = broker;
    this.#principal = principal;
    broker.subscribe(inboxSubject(principal, this.#connection, "*"), (message) => {
      const headers = parseHeaderBlock(message.headers);
      if (typeof headers === "string") throw new Error(headers);
      const id = message.subject.slice(message.subject.lastIndexOf(".") + 1);
      this.#waiting.get(id)?.({ headers, payload: message.payload });
      this.#waiting.delete(id);
    });
  }

  /** Resolves to whatever comes; rejects after `timeoutMs` of silence. Ids are counted, as some clients do. */
  async request(
    service: string,
    method: string,
    payload: unknown,
    fields: readonly string[] = [],
    timeoutMs = 5_000,
  ): Promise<PlainReply> {
    const id = String(++this.#next);
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${service}.${method}: no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.#waiting.set(id, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      const reply = inboxSubject(this.#principal, this.#connection, id);
      const headers = fields.length === 0 ? undefined : encodeHeaderBlock(fields);
      this.#broker.publish(
        callSubject(this.#principal, service, method),
        Buffer.from(JSON.stringify(payload)),
        reply,
        headers,
      );
    });
  }
}
