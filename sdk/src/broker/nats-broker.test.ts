// The move away from a server in lame duck, on connections that are the test's own: when what happens is in its hands.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NatsConnection, Status } from "nats";
import { NatsBroker } from "./nats-broker.ts";

class FakeConnection {
  readonly subjects: string[] = [];
  readonly info: { readonly server_id: string };
  flushed: () => void = () => undefined;
  #tell: (status: Status) => void = () => undefined;
  #closed: () => void = () => undefined;
  readonly #whenClosed = new Promise<void>((resolve) => {
    this.#closed = resolve;
  });

  constructor(server: string) {
    this.info = { server_id: server };
  }

  get connection(): NatsConnection {
    return this as unknown as NatsConnection;
  }

  subscribe(subject: string): { unsubscribe(): void; drain(): Promise<void> } {
    this.subjects.push(subject);
    return { unsubscribe: () => undefined, drain: async () => undefined };
  }

  async flush(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.flushed = resolve;
    });
  }

  async *status(): AsyncGenerator<Status> {
    yield await new Promise<Status>((resolve) => {
      this.#tell = resolve;
    });
  }

  /** What the client keeps of its connection, as far as we reach into it. */
  readonly protocol = { transport: { socket: { destroy: () => void this.destroyed++ } } };
  destroyed = 0;

  stale(): void {
    this.#tell({ type: "staleConnection" });
  }

  lameDuck(): void {
    this.#tell({ type: "ldm", server: this.info.server_id });
  }

  async closed(): Promise<void> {
    await this.#whenClosed;
  }

  isClosed(): boolean {
    return false;
  }

  async close(): Promise<void> {
    this.#closed();
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
}

test("what is subscribed while a move is under way is heard on the new connection too", async () => {
  const [from, to] = [new FakeConnection("a"), new FakeConnection("b")];
  const broker = new NatsBroker(from.connection, {
    dial: async () => to.connection,
    random: () => 0,
    onCallbackError: (error) => assert.fail(String(error)),
    hasOtherServers: true,
  });
  const moved = new Promise<void>((resolve) => broker.onStatus(({ type }) => type === "moved" && resolve()));
  broker.subscribe("early", () => undefined);
  await turn();
  from.lameDuck();
  await turn();
  assert.deepEqual(to.subjects, ["early"]);
  broker.subscribe("meanwhile", () => undefined);
  to.flushed();
  await moved;
  broker.subscribe("late", () => undefined);
  assert.deepEqual(to.subjects, ["early", "meanwhile", "late"]);
  assert.deepEqual(from.subjects, ["early", "meanwhile"]);
  await broker.close();
});

test("a connection whose server answers no pings is broken off, whatever it still has to write", async () => {
  const from = new FakeConnection("a");
  const ports = {
    random: () => 0,
    onCallbackError: (error: unknown) => assert.fail(String(error)),
    hasOtherServers: true,
  };
  new NatsBroker(from.connection, { ...ports, dial: async () => assert.fail("the client redials by itself") });
  await turn();
  assert.equal(from.destroyed, 0);
  from.stale();
  await turn();
  assert.equal(from.destroyed, 1);
});
