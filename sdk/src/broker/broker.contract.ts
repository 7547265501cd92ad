// What every broker must do, whether it is a real server or its twin in memory. The cases are data: whoever runs them
// brings the test runner (`memory-broker.test.ts` beside the twin, `test/src/conformance` for a real server).
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { header } from "../contract/header-names.ts";
import { encodeHeaderBlock, headerValue, parseHeaderBlock } from "../contract/index.ts";
import type { Broker, BrokerMessage } from "./broker.ts";

export interface BrokerFixture {
  /** One more connection to the same server, in the same account. */
  connect(): Promise<Broker>;
  /** What callbacks of any connection threw. */
  readonly callbackErrors: readonly unknown[];
}

export interface BrokerCase {
  readonly name: string;
  readonly run: (fixture: BrokerFixture) => Promise<void>;
}

const EMPTY = new Uint8Array(0);
/** A reply from another connection takes a while on a real server; what never comes is given up after this, in ms. */
const PATIENCE_MS = 2_000;

function text(value: string): Uint8Array {
  return Buffer.from(value);
}

function collect(broker: Broker, subject: string, queue?: string): BrokerMessage[] {
  const messages: BrokerMessage[] = [];
  broker.subscribe(
    subject,
    (message) => messages.push({ ...message, payload: Uint8Array.from(message.payload) }),
    queue,
  );
  return messages;
}

function payloads(messages: readonly BrokerMessage[]): string[] {
  return messages.map((message) => Buffer.from(message.payload).toString());
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(Date.now() < giveUpAt, `${what}: not within ${PATIENCE_MS} ms`);
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
  }
}

/** Everything sent before on either connection has arrived where it should. */
async function quiesce(...brokers: readonly Broker[]): Promise<void> {
  for (let round = 0; round < 2; round++) for (const broker of brokers) await broker.flush();
}

async function pair(fixture: BrokerFixture): Promise<[Broker, Broker]> {
  return [await fixture.connect(), await fixture.connect()];
}

export const brokerContract: readonly BrokerCase[] = [
  {
    name: "a message arrives as it was sent: subject, reply, header bytes, payload",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const seen = collect(b, "contract.whole.*");
      await b.flush();
      const headers = encodeHeaderBlock(["Content-Type", "text/plain", "X-Name", "zażółć"]);
      a.publish("contract.whole.one", text("payload"), "contract.answer", headers);
      await quiesce(a, b);
      const message = seen[0];
      assert.equal(seen.length, 1);
      assert.equal(message?.subject, "contract.whole.one");
      assert.equal(message?.reply, "contract.answer");
      assert.deepEqual(Buffer.from(message?.headers ?? EMPTY), Buffer.from(headers));
      assert.deepEqual(payloads(seen), ["payload"]);
    },
  },
  {
    name: "a message without reply and headers has them empty",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const seen = collect(b, "contract.bare");
      await b.flush();
      a.publish("contract.bare", EMPTY);
      await quiesce(a, b);
      assert.deepEqual(
        seen.map(({ reply, headers, payload }) => [reply, headers.length, payload.length]),
        [["", 0, 0]],
      );
    },
  },
  {
    name: "messages of one sender arrive in order, also at the sender itself",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const own = collect(a, "contract.order");
      const others = collect(b, "contract.order");
      await quiesce(a, b);
      const sent = Array.from({ length: 200 }, (_, i) => String(i));
      for (const one of sent) a.publish("contract.order", text(one));
      await quiesce(a, b);
      assert.deepEqual(payloads(own), sent);
      assert.deepEqual(payloads(others), sent);
    },
  },
  {
    name: "* stands for exactly one token and > for one or more",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const one = collect(b, "contract.wild.*");
      const two = collect(b, "contract.wild.*.*");
      const rest = collect(b, "contract.wild.>");
      await b.flush();
      for (const subject of [
        "contract.wild",
        "contract.wild.a",
        "contract.wild.a.b",
        "contract.wild.a.b.c",
        "contract.tame.a",
      ])
        a.publish(subject, text(subject));
      await quiesce(a, b);
      assert.deepEqual(payloads(one), ["contract.wild.a"]);
      assert.deepEqual(payloads(two), ["contract.wild.a.b"]);
      assert.deepEqual(payloads(rest), ["contract.wild.a", "contract.wild.a.b", "contract.wild.a.b.c"]);
    },
  },
  {
    name: "a queue group gets each message once, every plain subscriber gets it too",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const first = collect(a, "contract.queue", "workers");
      const second = collect(b, "contract.queue", "workers");
      const other = collect(b, "contract.queue", "auditors");
      const plain = collect(b, "contract.queue");
      await quiesce(a, b);
      const sent = Array.from({ length: 100 }, (_, i) => String(i));
      for (const one of sent) a.publish("contract.queue", text(one));
      await quiesce(a, b);
      assert.deepEqual([...payloads(first), ...payloads(second)].sort(), [...sent].sort());
      assert.ok(first.length > 0 && second.length > 0, "both members get a share");
      assert.deepEqual(payloads(other), sent);
      assert.deepEqual(payloads(plain), sent);
    },
  },
  {
    name: "a request nobody listens to is answered by a status line 503 without payload",
    run: async (fixture) => {
      const a = await fixture.connect();
      const replies = collect(a, "contract.inbox.*");
      await a.flush();
      a.publish("contract.nobody", text("hello"), "contract.inbox.7", encodeHeaderBlock(["X-A", "b"]));
      await until("the 503", () => replies.length > 0);
      const [reply] = replies;
      assert.equal(reply?.subject, "contract.inbox.7");
      assert.equal(reply?.reply, "");
      assert.equal(reply?.payload.length, 0);
      const block = parseHeaderBlock(reply?.headers ?? EMPTY);
      assert.ok(typeof block !== "string", String(block));
      assert.equal(block.status, 503);
      if (a.namesUnheard) assert.equal(headerValue(block, header.unheardSubject), "contract.nobody");
      await quiesce(a);
      assert.equal(replies.length, 1, "it is said once");
    },
  },
  {
    name: "a 503 goes to the requester alone",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const overheard = collect(b, "contract.elsewhere.*");
      await b.flush();
      a.publish("contract.nobody", EMPTY, "contract.elsewhere.1");
      await quiesce(a, b);
      assert.deepEqual(overheard, []);
    },
  },
  {
    name: "a publish without a reply that nobody hears is silent",
    run: async (fixture) => {
      const a = await fixture.connect();
      const all = collect(a, "contract.silent.>");
      await a.flush();
      a.publish("contract.nobody", text("hello"));
      await quiesce(a);
      assert.deepEqual(all, []);
    },
  },
  {
    name: "the last subscriber's leaving makes the subject nobody's",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const seen: BrokerMessage[] = [];
      const subscription = b.subscribe("contract.leave", (message) => seen.push(message));
      const replies = collect(a, "contract.leaving.*");
      await quiesce(a, b);
      a.publish("contract.leave", text("1"), "contract.leaving.1");
      await quiesce(a, b);
      subscription.unsubscribe();
      await b.flush();
      a.publish("contract.leave", text("2"), "contract.leaving.2");
      await until("the 503", () => replies.length > 0);
      assert.equal(seen.length, 1);
      assert.equal(replies[0]?.subject, "contract.leaving.2");
    },
  },
  {
    name: "a subscription that ends in its own callback hears no more of the same batch",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const seen: string[] = [];
      const subscription = b.subscribe("contract.once", (message) => {
        seen.push(Buffer.from(message.payload).toString());
        subscription.unsubscribe();
      });
      await b.flush();
      for (const one of ["1", "2", "3"]) a.publish("contract.once", text(one));
      await quiesce(a, b);
      assert.deepEqual(seen, ["1"]);
    },
  },
  {
    name: "a drained subscription hears what was sent before and nothing after",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const seen: string[] = [];
      const draining = b.subscribe("contract.drain", (message) => seen.push(Buffer.from(message.payload).toString()));
      await b.flush();
      for (const one of ["1", "2", "3"]) a.publish("contract.drain", text(one));
      await a.flush();
      await draining.drain();
      assert.deepEqual(seen, ["1", "2", "3"]);
      a.publish("contract.drain", text("4"));
      await quiesce(a, b);
      assert.equal(seen.length, 3);
      await draining.drain();
    },
  },
  {
    name: "what a callback throws is told, and the connection goes on",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const before = fixture.callbackErrors.length;
      const seen: string[] = [];
      b.subscribe("contract.throws", (message) => {
        seen.push(Buffer.from(message.payload).toString());
        throw new Error("a fault of the callback");
      });
      const other = collect(b, "contract.fine");
      await b.flush();
      a.publish("contract.throws", text("1"));
      a.publish("contract.throws", text("2"));
      a.publish("contract.fine", text("3"));
      await quiesce(a, b);
      assert.deepEqual(seen, ["1", "2"]);
      assert.deepEqual(payloads(other), ["3"]);
      assert.equal(fixture.callbackErrors.length, before + 2);
    },
  },
  {
    name: "malformed header bytes reach the callback as they came and end nothing",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const seen = collect(b, "contract.malformed");
      await b.flush();
      a.publish("contract.malformed", text("x"), undefined, text("NATS/1.0\r\nno colon\nhere\r\n\r\n"));
      a.publish("contract.malformed", text("y"));
      await quiesce(a, b);
      assert.deepEqual(payloads(seen), ["x", "y"]);
      assert.equal(typeof parseHeaderBlock(seen[0]?.headers ?? EMPTY), "string");
    },
  },
  {
    name: "a message as large as the broker carries arrives, a larger one throws and ends nothing",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const seen = collect(b, "contract.large");
      await b.flush();
      a.publish("contract.large", new Uint8Array(a.maxPayloadBytes));
      assert.throws(() => a.publish("contract.large", new Uint8Array(a.maxPayloadBytes + 1)));
      const headers = encodeHeaderBlock(["A", "b"]);
      assert.throws(() => a.publish("contract.large", new Uint8Array(a.maxPayloadBytes), undefined, headers));
      await quiesce(a, b);
      assert.deepEqual(
        seen.map(({ payload }) => payload.length),
        [a.maxPayloadBytes],
      );
      assert.ok(a.connected);
    },
  },
  {
    name: "the sender's buffer is its own again after publish and flush",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const seen = collect(b, "contract.buffer");
      await b.flush();
      const payload = text("before");
      a.publish("contract.buffer", payload, undefined, encodeHeaderBlock(["X-A", "b"]));
      await a.flush();
      payload.fill(0x2a);
      await quiesce(a, b);
      assert.deepEqual(payloads(seen), ["before"]);
      const block = parseHeaderBlock(seen[0]?.headers ?? EMPTY);
      assert.equal(typeof block === "string" ? block : headerValue(block, "x-a"), "b");
    },
  },
  {
    name: "after close nothing is sent or heard, and that is told once",
    run: async (fixture) => {
      const [a, b] = await pair(fixture);
      const seen = collect(b, "contract.close");
      const told: string[] = [];
      b.onStatus((status) => told.push(status.type));
      await b.flush();
      await b.close();
      a.publish("contract.close", text("1"));
      await quiesce(a);
      await until("the word that it is closed", () => told.length > 0);
      assert.deepEqual(told, ["closed"]);
      assert.equal(b.connected, false);
      assert.throws(() => b.publish("contract.close", EMPTY), { name: "BrokerDisconnected" });
      assert.deepEqual(seen, []);
      await b.close();
    },
  },
  {
    name: "a listener of the status that left hears no more",
    run: async (fixture) => {
      const a = await fixture.connect();
      const told: string[] = [];
      const leave = a.onStatus((status) => told.push(status.type));
      leave();
      await a.close();
      await new Promise<void>((resolve) => setImmediate(resolve));
      assert.deepEqual(told, []);
    },
  },
  {
    name: "the round trip is a number of ms",
    run: async (fixture) => {
      const a = await fixture.connect();
      assert.ok((await a.roundTripMs()) >= 0);
      assert.match(a.server, /^\S+$/);
    },
  },
];
