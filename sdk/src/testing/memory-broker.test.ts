import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { brokerContract } from "../broker/broker.contract.ts";
import type { BrokerMessage } from "../broker/broker.ts";
import { MemoryServer } from "./memory-broker.ts";

const EMPTY = new Uint8Array(0);

describe("the contract of a broker, in memory", () => {
  for (const { name, run } of brokerContract) {
    test(name, async () => {
      const server = new MemoryServer({ maxPayloadBytes: 64 * 1024 });
      const callbackErrors: unknown[] = [];
      await run({
        callbackErrors,
        connect: async () => server.connect({ onCallbackError: (error) => callbackErrors.push(error) }),
      });
    });
  }
});

test("the no-responders answer is the server's, to the byte", async () => {
  const server = new MemoryServer();
  const broker = server.connect();
  const seen: BrokerMessage[] = [];
  broker.subscribe("inbox.*", (message) => seen.push(message));
  broker.publish("nobody", EMPTY, "inbox.1");
  await server.settle();
  assert.equal(
    Buffer.from(seen[0]?.headers ?? EMPTY).toString("latin1"),
    "NATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n",
  );
});

test("a disconnect loses what is on its way, refuses publishes, and a reconnect brings the subscriptions back", async () => {
  const server = new MemoryServer();
  const [a, b] = [server.connect(), server.connect()];
  const seen: string[] = [];
  const told: string[] = [];
  b.subscribe("s", (message) => seen.push(Buffer.from(message.payload).toString()));
  b.onStatus(({ type }) => told.push(type));
  a.publish("s", Buffer.from("lost on its way"));
  b.disconnect();
  assert.throws(() => b.publish("s", EMPTY), { name: "BrokerDisconnected" });
  a.publish("s", Buffer.from("nobody there"));
  await server.settle();
  b.reconnect();
  a.publish("s", Buffer.from("heard"));
  await server.settle();
  assert.deepEqual(seen, ["heard"]);
  assert.deepEqual(told, ["disconnected", "connected"]);
});

test("a subscription made while disconnected holds after the reconnect, one that ended does not", async () => {
  const server = new MemoryServer();
  const [a, b] = [server.connect(), server.connect()];
  const seen: string[] = [];
  const gone = b.subscribe("old", () => seen.push("old"));
  b.disconnect();
  gone.unsubscribe();
  b.subscribe("new", () => seen.push("new"));
  b.reconnect();
  a.publish("old", EMPTY);
  a.publish("new", EMPTY);
  await server.settle();
  assert.deepEqual(seen, ["new"]);
});

test("lost messages bring no 503", async () => {
  const server = new MemoryServer();
  const broker = server.connect();
  const seen: BrokerMessage[] = [];
  broker.subscribe("inbox", (message) => seen.push(message));
  const stop = server.lose(({ subject }) => subject === "nobody");
  broker.publish("nobody", EMPTY, "inbox");
  await server.settle();
  assert.equal(seen.length, 0);
  stop();
  broker.publish("nobody", EMPTY, "inbox");
  await server.settle();
  assert.equal(seen.length, 1);
});

test("the same seed deals a queue group's messages the same way", async () => {
  const deal = async (seed: number): Promise<string> => {
    const server = new MemoryServer({ seed });
    const broker = server.connect();
    let dealt = "";
    for (const name of ["a", "b", "c"]) broker.subscribe("s", () => (dealt += name), "group");
    for (let i = 0; i < 30; i++) broker.publish("s", EMPTY);
    await server.settle();
    return dealt;
  };
  const first = await deal(7);
  assert.equal(first, await deal(7));
  assert.notEqual(first, await deal(8));
});
