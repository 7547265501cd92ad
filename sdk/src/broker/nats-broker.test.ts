// Moves from one connection to another, on connections that are the test's own: when what happens is in its hands.
import assert from "node:assert/strict";
import { test } from "node:test";
import { errors, type Msg, type NatsConnection, type Server, type Status, type SubscriptionOptions } from "nats";
import { DialOrder } from "./dial-order.ts";
import type { Dialled } from "./dialler.ts";
import { NatsBroker, type NatsBrokerPorts } from "./nats-broker.ts";

interface FakeSubscription {
  readonly subject: string;
  ended: boolean;
  hear(subject: string): void;
  isClosed(): boolean;
  unsubscribe(): void;
  drain(): Promise<void>;
}

class FakeConnection {
  readonly subscriptions: FakeSubscription[] = [];
  readonly info: { readonly server_id: string };
  /** Set: `flush` waits until it is called. */
  holdsFlush = false;
  flushed: () => void = () => undefined;
  isOver = false;
  readonly #statuses: Status[] = [];
  #wake: () => void = () => undefined;
  #closed: () => void = () => undefined;
  readonly #whenClosed = new Promise<void>((resolve) => {
    this.#closed = resolve;
  });

  constructor(server: string) {
    this.info = { server_id: server };
  }

  get subjects(): string[] {
    return this.subscriptions.map(({ subject }) => subject);
  }

  subscribe(pattern: string, options: SubscriptionOptions): FakeSubscription {
    const subscription: FakeSubscription = {
      subject: pattern,
      ended: false,
      hear: (subject) => options.callback?.(null, { subject, data: new Uint8Array(0) } as unknown as Msg),
      isClosed: () => subscription.ended,
      unsubscribe: () => {
        subscription.ended = true;
      },
      drain: async () => {
        subscription.ended = true;
      },
    };
    this.subscriptions.push(subscription);
    return subscription;
  }

  /** A message comes on every subscription. */
  hear(subject: string): void {
    for (const one of this.subscriptions) if (!one.ended) one.hear(subject);
  }

  async flush(): Promise<void> {
    if (!this.holdsFlush) return;
    await new Promise<void>((resolve) => {
      this.flushed = resolve;
    });
  }

  async *status(): AsyncGenerator<Status> {
    for (;;) {
      const status = this.#statuses.shift();
      if (status !== undefined) yield status;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  tell(status: Status): void {
    this.#statuses.push(status);
    this.#wake();
  }

  /** What the client keeps of its connection, as far as we reach into it. */
  readonly protocol = { transport: { socket: { destroy: () => void this.destroyed++ } } };
  destroyed = 0;

  lameDuck(): void {
    this.tell({ type: "ldm", server: this.info.server_id });
  }

  async closed(): Promise<void> {
    await this.#whenClosed;
  }

  isClosed(): boolean {
    return this.isOver;
  }

  async close(): Promise<void> {
    this.isOver = true;
    this.#closed();
  }
}

function at(server: string, connection: FakeConnection, servers: readonly string[] = ["a", "b"]): Dialled {
  const order = new DialOrder(servers);
  order.next([{ src: server } as Server]);
  return { connection: connection as unknown as NatsConnection, order, scans: false };
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Connections by their server, each made once; time that stands still until the test lets it pass. */
function site(servers: readonly string[], to: Readonly<Record<string, FakeConnection | Error>>) {
  const dialled: string[] = [];
  const waits: { readonly ms: number; readonly end: () => void }[] = [];
  const dial = async (server: string): Promise<Dialled> => {
    dialled.push(server);
    const connection = to[server];
    if (connection === undefined || connection instanceof Error) throw connection ?? new Error("connection refused");
    return at(server, connection, servers);
  };
  const ports: NatsBrokerPorts = {
    dialler: {
      servers,
      home: servers[0] as string,
      dial,
      dialFirst: async (order, isRight = () => true) => {
        const failures = [];
        for (const server of order) {
          try {
            const found = await dial(server);
            if (isRight(found)) return found;
          } catch (cause) {
            failures.push({ server, cause });
          }
        }
        return failures;
      },
    },
    random: () => 0.5,
    onCallbackError: (error) => assert.fail(String(error)),
    pause: async (ms, signal) => {
      await new Promise<void>((resolve, reject) => {
        waits.push({ ms, end: resolve });
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
  };
  return {
    ports,
    dialled,
    /** Everything waited for now is over. */
    pass: async (): Promise<number[]> => {
      await turn();
      const over = waits.splice(0);
      for (const { end } of over) end();
      await turn();
      return over.map(({ ms }) => ms);
    },
  };
}

test("what is subscribed while a move is under way is heard on the new connection too", async () => {
  const [from, to] = [new FakeConnection("A"), new FakeConnection("B")];
  const { ports, pass } = site(["a", "b"], { b: to });
  to.holdsFlush = true;
  const broker = new NatsBroker(at("a", from), ports);
  const moved = new Promise<void>((resolve) => broker.onStatus(({ type }) => type === "moved" && resolve()));
  broker.subscribe("early", () => undefined);
  await turn();
  from.lameDuck();
  await pass();
  assert.deepEqual(to.subjects, ["early"]);
  assert.ok(broker.hearsTwice);
  broker.subscribe("meanwhile", () => undefined);
  to.flushed();
  await moved;
  broker.subscribe("late", () => undefined);
  assert.deepEqual(to.subjects, ["early", "meanwhile", "late"]);
  assert.deepEqual(from.subjects, ["early", "meanwhile"]);
  await pass();
  await pass();
  assert.ok(from.isOver && !broker.hearsTwice);
  await broker.close();
  assert.ok(to.isOver);
});

test("a server in lame duck is left for another one, never for itself", async () => {
  const [from, itself, other] = [new FakeConnection("A"), new FakeConnection("A"), new FakeConnection("C")];
  const { ports, pass, dialled } = site(["a", "b", "c"], { b: itself, c: other });
  const broker = new NatsBroker(at("a", from), ports);
  from.lameDuck();
  await pass();
  assert.deepEqual(dialled, ["b", "c"]);
  assert.equal(broker.connection, other as unknown);
  await broker.close();
});

test("a server that goes while one moves to it is left in turn", async () => {
  const [from, via, last] = [new FakeConnection("A"), new FakeConnection("B"), new FakeConnection("C")];
  const { ports, pass } = site(["a", "b", "c"], { b: via, c: last });
  const broker = new NatsBroker(at("a", from), ports);
  via.holdsFlush = true;
  from.lameDuck();
  await pass();
  via.lameDuck();
  await turn();
  via.flushed();
  for (let i = 0; i < 4; i++) await pass();
  assert.equal(broker.connection, last as unknown);
  await broker.close();
});

test("a connection that is lost before it is taken over changes nothing", async () => {
  const [from, to] = [new FakeConnection("A"), new FakeConnection("B")];
  const { ports, pass } = site(["a", "b"], { b: to });
  to.flush = async () => {
    throw new errors.RequestError("connection disconnected");
  };
  const broker = new NatsBroker(at("a", from), ports);
  broker.subscribe("one", () => undefined);
  from.lameDuck();
  await pass();
  assert.equal(broker.connection, from as unknown);
  assert.ok(to.isOver && !broker.hearsTwice);
  await broker.close();
});

test("home is gone to when what is heard here is heard there, and not where it is cut off", async () => {
  const [away, alone, whole] = [new FakeConnection("B"), new FakeConnection("A"), new FakeConnection("A")];
  const homes: Record<string, FakeConnection> = { a: alone };
  const { ports, pass, dialled } = site(["a", "b"], homes);
  const broker = new NatsBroker(at("b", away), ports);
  const heard: string[] = [];
  broker.subscribe("routers.*", ({ subject }) => heard.push(subject));
  assert.ok(broker.isAway);
  const first = broker.goHome();
  await turn();
  for (const name of ["x", "y"]) away.hear(`routers.${name}`);
  alone.hear("routers.z");
  alone.hear("routers.z");
  assert.deepEqual(await pass(), [2_500]);
  await pass();
  assert.equal(await first, false);
  assert.ok(alone.isOver && broker.isAway && !away.isOver);

  homes["a"] = whole;
  const second = broker.goHome();
  await turn();
  for (const name of ["x", "y"]) {
    away.hear(`routers.${name}`);
    whole.hear(`routers.${name}`);
  }
  await pass();
  await pass();
  await pass();
  assert.equal(await second, true);
  assert.ok(!broker.isAway);
  assert.equal(broker.connection, whole as unknown);
  assert.deepEqual(heard, ["routers.x", "routers.y", "routers.x", "routers.y"], "what is compared is not handled");
  // What was only compared there has ended; what is handled there goes on.
  assert.deepEqual(
    whole.subscriptions.map(({ ended }) => ended),
    [true, false],
  );
  assert.deepEqual(dialled, ["a", "a"]);
  assert.equal(await broker.goHome(), false, "who is home stays");
  assert.deepEqual(dialled, ["a", "a"]);
  await broker.close();
});

test("who subscribes nothing asks before it goes home", async () => {
  const [away, home] = [new FakeConnection("B"), new FakeConnection("A")];
  const { ports, pass } = site(["a", "b"], { a: home });
  const broker = new NatsBroker(at("b", away), ports);
  const asked: unknown[] = [];
  broker.tryFirst(async (connection) => asked.push(connection) > 1);
  const gone = broker.goHome();
  await pass();
  await pass();
  assert.equal(await gone, false);
  assert.deepEqual(asked, [home]);
  await broker.close();
});

test("home is dialled alone, and when it does not answer all stays", async () => {
  const { ports, dialled } = site(["a", "b", "c"], { c: new FakeConnection("C") });
  const broker = new NatsBroker(at("b", new FakeConnection("B")), ports);
  assert.equal(await broker.goHome(), false);
  assert.deepEqual(dialled, ["a"]);
  await broker.close();
});

test("new credentials: on the same server first, and it is told who refused", async () => {
  const [from, to] = [new FakeConnection("A"), new FakeConnection("A")];
  const { ports, pass, dialled } = site(["b", "a"], { a: to });
  const broker = new NatsBroker(at("a", from, ["b", "a"]), ports);
  const renewed = broker.renew("text");
  await pass();
  assert.equal(await renewed, "moved");
  assert.deepEqual(dialled, ["a"]);
  assert.equal(broker.connection, to as unknown);
  await broker.close();

  const refusing = site(["a"], { a: new errors.AuthorizationError("Authorization Violation") });
  const other = new NatsBroker(at("a", new FakeConnection("A")), refusing.ports);
  assert.equal(await other.renew("text"), "refused");
  await other.close();
  const silent = site(["a"], {});
  const third = new NatsBroker(at("a", new FakeConnection("A")), silent.ports);
  assert.equal(await third.renew("text"), "unreachable");
  await third.close();
});

test("moves wait for each other, and without a connection there is none", async () => {
  const [from, home] = [new FakeConnection("B"), new FakeConnection("A")];
  const { ports, pass, dialled } = site(["a", "b"], { a: home });
  const broker = new NatsBroker(at("b", from), ports);
  const [first, second] = [broker.goHome(), broker.renew("text")];
  await turn();
  assert.deepEqual(dialled, ["a"]);
  for (let i = 0; i < 3; i++) await pass();
  assert.equal(await first, true);
  await pass();
  assert.equal(await second, "moved");
  assert.deepEqual(dialled, ["a", "a"]);
  home.tell({ type: "disconnect", server: "a" });
  await turn();
  assert.equal(broker.connected, false);
  assert.equal(await broker.renew("text"), "unreachable");
  await broker.close();
});

test("closing ends a trial, and what it had dialled", async () => {
  const [away, home] = [new FakeConnection("B"), new FakeConnection("A")];
  const { ports } = site(["a", "b"], { a: home });
  const broker = new NatsBroker(at("b", away), ports);
  const gone = broker.goHome();
  await turn();
  await broker.close();
  assert.equal(await gone, false);
  assert.ok(away.isOver && home.isOver);
});

test("a connection whose server answers no pings is broken off, whatever it still has to write", async () => {
  const from = new FakeConnection("A");
  const { ports, dialled } = site(["a", "b"], { b: new FakeConnection("B") });
  const broker = new NatsBroker(at("a", from), ports);
  await turn();
  assert.equal(from.destroyed, 0);
  from.tell({ type: "staleConnection" });
  await turn();
  assert.equal(from.destroyed, 1);
  assert.deepEqual(dialled, [], "the client redials by itself");
  await broker.close();
});
