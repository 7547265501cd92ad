import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import type { BrokerMessage } from "../broker/broker.ts";
import { errorFields } from "../call/respond.ts";
import { PROBE_TICK_MS } from "../call/waiting-table.ts";
import {
  encodeHeaderBlock,
  encodeProbeAnswer,
  header,
  headerValue,
  MeshError,
  type ProbeAnswer,
  parseCallSubject,
  parseHeaderBlock,
  ROUTER_QUEUE,
  type RouterState,
  subscriptions,
} from "../contract/index.ts";
import { RouterDirectory } from "../discovery/router-directory.ts";
import { type MemoryBroker, MemoryServer } from "../testing/memory-broker.ts";
import { createTestRuntime, type TestRuntime } from "../testing/test-runtime.ts";
import { OutgoingCalls } from "./outgoing-calls.ts";
import type { CallReply, OutgoingRequest, RunningCall } from "./outgoing-request.ts";
import { RoutedPath } from "./routed-path.ts";

const EMPTY = new Uint8Array(0);
const PRINCIPAL = "cart";

// Only the probe's interval is a timer of the process; a test advances it together with its own clock.
beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
afterEach(() => mock.timers.reset());

interface FakeRouter {
  readonly id: string;
  readonly broker: MemoryBroker;
  readonly requests: BrokerMessage[];
  readonly probes: string[][];
  readonly cancels: string[];
  /** What it says to a probe; undefined: nothing. */
  answer: ((ids: readonly string[]) => ProbeAnswer) | undefined;
  onRequest: (message: BrokerMessage) => void;
  reply(message: BrokerMessage, fields?: readonly string[], payload?: Uint8Array): void;
}

interface Outcome {
  readonly error: MeshError | undefined;
  readonly reply: CallReply | undefined;
}

interface World {
  readonly server: MemoryServer;
  readonly runtime: TestRuntime;
  readonly broker: MemoryBroker;
  readonly directory: RouterDirectory;
  readonly outgoing: OutgoingCalls;
  readonly path: RoutedPath;
  router(id: string, announced?: boolean): FakeRouter;
  call(more?: Partial<OutgoingRequest>): { outcome: Outcome[]; running: RunningCall };
  /** Moves time on, with what goes by it, letting messages arrive every now and then. */
  pass(ms: number): Promise<void>;
}

function world(maxPayloadBytes = 64 * 1024, outgoing = new OutgoingCalls(1_000, 1e6)): World {
  const server = new MemoryServer({ maxPayloadBytes });
  const runtime = createTestRuntime();
  const broker = server.connect();
  const directory = new RouterDirectory();
  const path = new RoutedPath({
    broker,
    runtime,
    principal: PRINCIPAL,
    connection: "conn",
    routers: directory,
    outgoing,
    frames: undefined,
  });
  path.start();
  return {
    server,
    runtime,
    broker,
    directory,
    outgoing,
    path,
    router: (id, announced = true) =>
      fakeRouter(
        server,
        id,
        announced ? () => directory.announce(id, state(), runtime.clock.nowMs(), 0) : () => undefined,
      ),
    call: (more = {}) => {
      const outcome: Outcome[] = [];
      const request: OutgoingRequest = {
        service: "orders",
        method: "place",
        payload: EMPTY,
        fields: [],
        deadlineAtMs: runtime.clock.nowMs() + 10_000,
        repeatable: false,
        needsRouter: false,
        span: undefined,
        trace: undefined,
        ...more,
      };
      return { outcome, running: path.call(request, (error, reply) => outcome.push({ error, reply })) };
    },
    pass: async (ms) => {
      for (let left = ms; left > 0; left -= PROBE_TICK_MS) {
        const step = Math.min(left, PROBE_TICK_MS);
        runtime.clock.advance(step);
        mock.timers.tick(step);
        await server.settle();
      }
    },
  };
}

function state(more: Partial<RouterState> = {}): RouterState {
  return {
    protocol: 1,
    version: "1",
    load: { inFlight: 0, queued: 0, loopLagMs: 0 },
    maxInFlight: 1,
    draining: false,
    policyRevision: 0,
    sentAtMs: 0,
    capabilities: [],
    ...more,
  };
}

function fakeRouter(server: MemoryServer, id: string, announce: () => void): FakeRouter {
  const broker = server.connect();
  const router: FakeRouter = {
    id,
    broker,
    requests: [],
    probes: [],
    cancels: [],
    answer: (ids) => ({ running: [...ids], done: [], unseen: [] }),
    onRequest: () => undefined,
    reply: (message, fields = [], payload = EMPTY) =>
      broker.publish(message.reply, payload, undefined, encodeHeaderBlock(fields)),
  };
  const onMessage = (message: BrokerMessage): void => {
    if (parseCallSubject(message.subject)?.service === "mesh") {
      const ids = (headerOf(message, header.probe) ?? "").split(",");
      router.probes.push(ids);
      if (router.answer !== undefined) broker.publish(message.reply, encodeProbeAnswer(router.answer(ids)));
      return;
    }
    router.requests.push(message);
    router.onRequest(message);
  };
  broker.subscribe(subscriptions.via(id), onMessage);
  broker.subscribe(subscriptions.calls, onMessage, ROUTER_QUEUE);
  broker.subscribe(subscriptions.cancels(id), (message) => router.cancels.push(message.subject));
  announce();
  return router;
}

function headerOf(message: BrokerMessage, name: string): string | undefined {
  const block = parseHeaderBlock(message.headers);
  return typeof block === "string" ? undefined : headerValue(block, name);
}

function idOf(message: BrokerMessage | undefined): string {
  return message?.reply.split(".").at(-1) ?? "";
}

function only(outcome: readonly Outcome[]): Outcome {
  assert.equal(outcome.length, 1, `settled ${outcome.length} times`);
  return outcome[0] as Outcome;
}

function assertClean({ path, outgoing, directory, runtime }: World): void {
  assert.equal(outgoing.count, 0);
  for (const router of directory.all()) assert.equal(router.inFlight, 0, router.id);
  path.stop();
  assert.deepEqual(runtime.timerErrors, []);
}

test("a call goes to its router and its reply comes back", async () => {
  const w = world();
  const router = w.router("router-a");
  router.onRequest = (message) => router.reply(message, ["X-A", "b"], Uint8Array.from([7]));
  const { outcome } = w.call({
    fields: ["X-Mine", "1"],
    payload: Uint8Array.from([1]),
    deadlineAtMs: w.runtime.clock.nowMs() + 800.7,
  });
  assert.equal(w.outgoing.count, 1);
  assert.equal(w.directory.get("router-a")?.inFlight, 1);
  await w.server.settle();
  const { error, reply } = only(outcome);
  assert.equal(error, undefined);
  assert.deepEqual([[...(reply?.payload ?? [])], reply?.headers.fields], [[7], ["X-A", "b"]]);
  const [request] = router.requests;
  assert.equal(request?.subject, "mesh.via.router-a.cart.orders.place");
  assert.match(request?.reply ?? "", /^_INBOX\.cart\.conn\.[A-Za-z0-9_-]{16}$/);
  assert.deepEqual(request && [headerOf(request, "x-mine"), headerOf(request, header.timeout)], ["1", "800"]);
  assertClean(w);
});

test("until a router is known, the shared subject is used", async () => {
  const w = world();
  const router = w.router("router-a", false);
  router.onRequest = (message) => router.reply(message);
  const { outcome } = w.call();
  await w.server.settle();
  assert.equal(router.requests[0]?.subject, "mesh.call.cart.orders.place");
  assert.equal(only(outcome).error, undefined);
  assertClean(w);
});

test("an error is what the router said", async () => {
  const w = world();
  const router = w.router("router-a");
  router.onRequest = (message) =>
    router.reply(message, errorFields(new MeshError({ status: "NOT_FOUND", message: "no", retryAfterMs: 5 }), 2));
  const { outcome } = w.call();
  await w.server.settle();
  const { error } = only(outcome);
  assert.deepEqual([error?.status, error?.attempts, error?.retryAfterMs], ["NOT_FOUND", 2, 5]);
  assertClean(w);
});

test("a reply nobody can read is an internal error, not a hanging call", async () => {
  const w = world();
  const router = w.router("router-a");
  router.onRequest = ({ reply }) =>
    router.broker.publish(reply, EMPTY, undefined, Buffer.from("NATS/1.0\r\nbroken\r\n\r\n"));
  const { outcome } = w.call();
  await w.server.settle();
  assert.equal(only(outcome).error?.reason, "internal");
  assertClean(w);
});

describe("nothing ran: to another router", () => {
  test("after the broker's 503, and the dead router gets nothing more", async () => {
    const w = world();
    const dead = w.router("router-a");
    const alive = w.router("router-b");
    alive.onRequest = (message) => alive.reply(message);
    dead.broker.disconnect();
    const outcomes: Outcome[][] = [];
    for (let i = 0; i < 10; i++) outcomes.push(w.call().outcome);
    await w.server.settle();
    for (const outcome of outcomes) assert.equal(only(outcome).error, undefined);
    assert.equal(alive.requests.length, 10);
    assert.ok((w.directory.get("router-a")?.suspectUntilMs ?? 0) > 0);
    assertClean(w);
  });

  for (const reason of ["not-started", "overloaded"] as const) {
    test(`after a router's own ${reason}`, async () => {
      const w = world();
      const refusing = w.router("router-a");
      refusing.onRequest = (message) =>
        refusing.reply(message, errorFields(MeshError.of(reason, "x", { origin: "router" }), 0));
      w.call();
      await w.server.settle();
      const other = w.router("router-b");
      other.onRequest = (message) => other.reply(message);
      refusing.requests.length = 0;
      const outcomes = Array.from({ length: 10 }, () => w.call().outcome);
      await w.server.settle();
      for (const outcome of outcomes) assert.equal(only(outcome).error, undefined);
      assert.ok(refusing.requests.length <= 10, "no call went to the refusing router twice");
      w.path.stop();
    });
  }

  test("but not to the only one, which is full: the same again would be more load", async () => {
    const w = world();
    const full = w.router("router-a");
    full.onRequest = (message) =>
      full.reply(message, errorFields(MeshError.of("overloaded", "x", { origin: "router", retryAfterMs: 40 }), 0));
    const { outcome } = w.call();
    await w.server.settle();
    assert.deepEqual(
      [only(outcome).error?.reason, only(outcome).error?.retryAfterMs, full.requests.length],
      ["overloaded", 40, 1],
    );
    assertClean(w);
  });

  test("and not where the instance had it", async () => {
    const w = world();
    const [a, b] = [w.router("router-a"), w.router("router-b")];
    for (const router of [a, b])
      router.onRequest = (message) =>
        router.reply(message, errorFields(MeshError.of("not-started", "x", { origin: "router" }), 3));
    const { outcome } = w.call();
    await w.server.settle();
    assert.equal(only(outcome).error?.attempts, 3);
    assert.equal(a.requests.length + b.requests.length, 1);
    assertClean(w);
  });

  test("at most five times", async () => {
    const w = world();
    const routers = Array.from({ length: 12 }, (_, i) => w.router(`router-${i}`));
    for (const router of routers)
      router.onRequest = (message) =>
        router.reply(message, errorFields(MeshError.of("overloaded", "x", { origin: "router" }), 0));
    const { outcome } = w.call();
    await w.server.settle();
    await w.server.settle();
    await w.server.settle();
    assert.equal(only(outcome).error?.reason, "overloaded");
    assert.equal(
      routers.reduce((sum, { requests }) => sum + requests.length, 0),
      6,
    );
    assertClean(w);
  });
});

describe("routers in doubt", () => {
  test("are tried in turn, never the shared subject, where nobody could be asked what became of a call", async () => {
    const w = world();
    const [a, b] = [w.router("router-a"), w.router("router-b")];
    a.broker.disconnect();
    b.broker.disconnect();
    const { outcome } = w.call();
    await w.pass(1_000);
    assert.equal(outcome.length, 0);
    b.broker.reconnect();
    b.onRequest = (message) => b.reply(message);
    await w.pass(500);
    assert.equal(only(outcome).error, undefined);
    assert.match(b.requests[0]?.subject ?? "", /^mesh\.via\.router-b\./);
    assertClean(w);
  });
});

describe("no router at all", () => {
  test("is tried again for a while, then said so", async () => {
    const w = world();
    const { outcome } = w.call();
    await w.server.settle();
    await w.pass(4_000);
    assert.equal(outcome.length, 0);
    assert.equal(w.outgoing.count, 1);
    await w.pass(1_000);
    assert.equal(only(outcome).error?.reason, "not-started");
    assert.match(only(outcome).error?.message ?? "", /malla up/);
    assertClean(w);
  });

  test("until one comes", async () => {
    const w = world();
    const { outcome } = w.call();
    await w.server.settle();
    const router = w.router("router-a");
    router.onRequest = (message) => router.reply(message);
    await w.pass(250);
    assert.equal(only(outcome).error, undefined);
    assertClean(w);
  });

  test("and a caller that gives up while it waits is not sent later", async () => {
    const w = world();
    const { outcome, running } = w.call();
    await w.server.settle();
    running.cancel(MeshError.of("cancelled", "enough"));
    const router = w.router("router-a");
    await w.pass(500);
    assert.equal(only(outcome).error?.reason, "cancelled");
    assert.equal(router.requests.length, 0);
    assertClean(w);
  });
});

describe("a router that is silent", () => {
  test("is asked, and a running call goes on waiting", async () => {
    const w = world();
    const router = w.router("router-a");
    const { outcome } = w.call();
    await w.pass(1_000);
    assert.equal(outcome.length, 0);
    assert.ok(router.probes.length >= 3 && router.probes.length <= 4, String(router.probes.length));
    assert.deepEqual(router.probes[0], [idOf(router.requests[0])]);
    router.reply(router.requests[0] as BrokerMessage);
    await w.server.settle();
    assert.equal(only(outcome).error, undefined);
    assertClean(w);
  });

  test("has never seen a request that got lost: it is sent again, with a new id", async () => {
    const w = world();
    const router = w.router("router-a");
    const stop = w.server.lose(({ subject }) => subject.endsWith("orders.place"));
    router.answer = (ids) => ({ running: [], done: [], unseen: [...ids] });
    router.onRequest = (message) => router.reply(message);
    const { outcome } = w.call();
    await w.pass(200);
    stop();
    await w.pass(250);
    assert.equal(only(outcome).error, undefined);
    assert.equal(router.requests.length, 1);
    assert.notEqual(idOf(router.requests[0]), router.probes[0]?.[0]);
    assertClean(w);
  });

  test("whose reply got lost sends it again", async () => {
    const w = world();
    const router = w.router("router-a");
    const stop = w.server.lose(({ subject }) => subject.startsWith("_INBOX.cart.conn."));
    router.onRequest = (message) => router.reply(message);
    const { outcome } = w.call();
    await w.server.settle();
    stop();
    router.answer = (ids) => {
      router.reply(router.requests[0] as BrokerMessage);
      return { running: [], done: [...ids], unseen: [] };
    };
    await w.pass(400);
    assert.equal(only(outcome).error, undefined);
    assert.equal(router.requests.length, 1);
    assertClean(w);
  });

  test("died: what may be repeated goes to another at once, what may not waits three seconds and is gone", async () => {
    const w = world();
    const dying = w.router("router-a");
    const calls = { once: w.call(), twice: w.call({ repeatable: true }) };
    await w.server.settle();
    dying.broker.disconnect();
    const other = w.router("router-b");
    other.onRequest = (message) => other.reply(message);
    await w.pass(500);
    assert.equal(only(calls.twice.outcome).error, undefined);
    assert.equal(calls.once.outcome.length, 0);
    await w.pass(3_500);
    const { error } = only(calls.once.outcome);
    assert.deepEqual([error?.reason, error?.status, error?.origin], ["gone", "UNAVAILABLE", "sdk"]);
    assert.equal(other.requests.length, 1);
    assertClean(w);
  });

  test("that had only parked the call has not started it: it goes elsewhere, though it may not run twice", async () => {
    const w = world();
    const router = w.router("router-a");
    const [parked, dispatching] = [w.call(), w.call()];
    await w.server.settle();
    const [first, second] = router.requests as [BrokerMessage, BrokerMessage];
    router.reply(first, [header.notice, "parked"]);
    router.reply(second, [header.notice, "parked"]);
    router.reply(second, [header.notice, "dispatching"]);
    await w.server.settle();
    assert.deepEqual([parked.outcome.length, dispatching.outcome.length], [0, 0], "a notice is no answer");
    const other = w.router("router-b");
    other.onRequest = (message) => other.reply(message);
    router.broker.disconnect();
    await w.pass(4_000);
    assert.equal(only(parked.outcome).error, undefined);
    assert.equal(only(dispatching.outcome).error?.reason, "gone");
    assert.equal(other.requests.length, 1);
    assertClean(w);
  });

  test("that comes back within that time answers after all", async () => {
    const w = world();
    const router = w.router("router-a");
    const { outcome } = w.call();
    await w.server.settle();
    router.broker.disconnect();
    await w.pass(1_000);
    router.broker.reconnect();
    await w.pass(3_000);
    assert.equal(outcome.length, 0);
    router.reply(router.requests[0] as BrokerMessage);
    await w.server.settle();
    assert.equal(only(outcome).error, undefined);
    assertClean(w);
  });

  test("and says nothing to a probe either: what may be repeated goes to another, the rest waits", async () => {
    const w = world();
    const router = w.router("router-a");
    router.answer = undefined;
    const [write, read] = [w.call(), w.call({ repeatable: true })];
    await w.server.settle();
    const other = w.router("router-b");
    other.onRequest = (message) => other.reply(message);
    await w.pass(1_000);
    assert.equal(only(read.outcome).error, undefined);
    assert.equal(write.outcome.length, 0);
    assert.equal(other.requests.length, 1);
    router.reply(router.requests[0] as BrokerMessage);
    await w.server.settle();
    assert.equal(only(write.outcome).error, undefined);
    assertClean(w);
  });

  test("and is the only one is waited for until the deadline", async () => {
    const w = world();
    const router = w.router("router-a");
    router.answer = undefined;
    const { outcome } = w.call({ repeatable: true, deadlineAtMs: w.runtime.clock.nowMs() + 5_000 });
    await w.pass(4_900);
    assert.equal(outcome.length, 0);
    await w.pass(200);
    assert.equal(only(outcome).error?.reason, "deadline");
    assertClean(w);
  });
});

describe("time and giving up", () => {
  test("a deadline that has passed sends nothing, and settles after the call returned", async () => {
    const w = world();
    const router = w.router("router-a");
    const { outcome } = w.call({ deadlineAtMs: w.runtime.clock.nowMs() });
    assert.equal(outcome.length, 0);
    await w.server.settle();
    assert.equal(only(outcome).error?.reason, "deadline");
    assert.equal(router.requests.length, 0);
    assertClean(w);
  });

  test("the router's word on the deadline is waited for a moment", async () => {
    const w = world();
    const router = w.router("router-a");
    const { outcome } = w.call({ deadlineAtMs: w.runtime.clock.nowMs() + 100 });
    await w.server.settle();
    w.runtime.clock.advance(110);
    router.reply(
      router.requests[0] as BrokerMessage,
      errorFields(MeshError.of("deadline", "the router's words", { origin: "router" }), 1),
    );
    await w.server.settle();
    assert.equal(only(outcome).error?.message, "the router's words");
    assertClean(w);
  });

  test("then the caller ends it and tells the router, once", async () => {
    const w = world();
    const router = w.router("router-a");
    const { outcome } = w.call({ deadlineAtMs: w.runtime.clock.nowMs() + 100 });
    await w.server.settle();
    w.runtime.clock.advance(135);
    assert.match(only(outcome).error?.message ?? "", /orders\.place did not answer within 100 ms/);
    await w.server.settle();
    assert.deepEqual(router.cancels, [`mesh.cancel.router-a.cart.${idOf(router.requests[0])}`]);
    router.reply(router.requests[0] as BrokerMessage);
    await w.server.settle();
    only(outcome);
    assertClean(w);
  });

  test("a cancel reaches the router, and a second one does nothing", async () => {
    const w = world();
    const router = w.router("router-a");
    const { outcome, running } = w.call();
    await w.server.settle();
    running.cancel(MeshError.of("cancelled", "enough"));
    running.cancel(MeshError.of("cancelled", "again"));
    await w.server.settle();
    assert.equal(only(outcome).error?.message, "enough");
    assert.equal(router.cancels.length, 1);
    assertClean(w);
  });

  test("the resent call carries what is left of its time", async () => {
    const w = world();
    const { outcome } = w.call({ deadlineAtMs: w.runtime.clock.nowMs() + 1_000 });
    await w.server.settle();
    const router = w.router("router-a");
    router.onRequest = (message) => router.reply(message);
    await w.pass(250);
    only(outcome);
    const left = Number(headerOf(router.requests[0] as BrokerMessage, header.timeout));
    assert.ok(left <= 900 && left >= 740, String(left));
    assertClean(w);
  });
});

describe("the own connection", () => {
  test("its loss fails everything that waits, if it is not back within a moment", async () => {
    const w = world();
    w.router("router-a");
    const outcomes = [w.call(), w.call({ repeatable: true })].map(({ outcome }) => outcome);
    await w.server.settle();
    w.broker.disconnect();
    await w.pass(85);
    for (const outcome of outcomes) assert.equal(outcome.length, 0);
    await w.pass(10);
    for (const outcome of outcomes) assert.equal(only(outcome).error?.reason, "gone");
    assertClean(w);
  });

  test("one of several servers is lost: what waits, waits until another has been dialled", async () => {
    const w = world();
    const router = w.router("router-a");
    w.broker.hasOtherServers = true;
    const running = w.call({ repeatable: true });
    await w.server.settle();
    router.answer = (ids) => ({ running: ids, done: [], unseen: [] });
    w.broker.disconnect();
    const unsent = w.call();
    await w.pass(2_400);
    for (const { outcome } of [running, unsent]) assert.equal(outcome.length, 0);
    w.broker.reconnect();
    await w.server.settle();
    assert.equal(router.requests.length, 2, "the one that was held is sent");
    for (const request of router.requests) router.reply(request);
    await w.server.settle();
    for (const { outcome } of [running, unsent]) assert.equal(only(outcome).error, undefined);
    w.broker.disconnect();
    const lost = w.call();
    await w.pass(2_600);
    assert.equal(only(lost.outcome).error?.reason, "not-started");
    assertClean(w);
  });

  test("while it is down a call is refused as not started: after that moment at once, after it returned", async () => {
    const w = world();
    const router = w.router("router-a");
    w.broker.disconnect();
    const early = w.call();
    await w.pass(100);
    assert.equal(only(early.outcome).error?.reason, "not-started");
    const late = w.call();
    assert.equal(late.outcome.length, 0);
    await w.server.settle();
    assert.equal(only(late.outcome).error?.reason, "not-started");
    w.broker.reconnect();
    await w.pass(1_000);
    assert.equal(router.requests.length, 0, "nothing is sent late");
    assertClean(w);
  });

  test("back within a moment it goes on: what waited is asked for, what could not be sent is sent", async () => {
    const w = world();
    const router = w.router("router-a");
    const running = w.call();
    const lost = w.call();
    await w.server.settle();
    const [first, second] = router.requests.map(idOf);
    router.answer = (ids) => ({
      running: ids.filter((id) => id === first),
      done: [],
      unseen: ids.filter((id) => id === second),
    });
    w.broker.disconnect();
    const unsent = w.call();
    await w.pass(60);
    w.broker.reconnect();
    await w.server.settle();
    assert.deepEqual(router.probes, [[first, second]]);
    assert.equal(router.requests.length, 4, "the lost one again, and the one that was held");
    for (const request of router.requests.filter((one) => idOf(one) !== second)) router.reply(request);
    await w.server.settle();
    for (const { outcome } of [running, lost, unsent]) assert.equal(only(outcome).error, undefined);
    assertClean(w);
  });

  test("a call that is cancelled while the connection is away is not sent when it is back", async () => {
    const w = world();
    const router = w.router("router-a");
    w.broker.disconnect();
    const { outcome, running } = w.call();
    running.cancel(MeshError.of("cancelled", "enough"));
    w.broker.reconnect();
    await w.pass(250);
    assert.equal(only(outcome).error?.reason, "cancelled");
    assert.equal(router.requests.length, 0);
    assertClean(w);
  });

  test("a request too large is refused here, with its size", async () => {
    const w = world(1_024);
    const router = w.router("router-a");
    const { outcome } = w.call({ payload: new Uint8Array(1_024) });
    await w.server.settle();
    const { error } = only(outcome);
    assert.deepEqual([error?.reason, error?.http], ["too-large", 413]);
    assert.match(error?.message ?? "", /1024/);
    assert.equal(router.requests.length, 0);
    assertClean(w);
  });

  test("stopping fails what waits", async () => {
    const w = world();
    w.router("router-a");
    const { outcome } = w.call();
    w.path.stop();
    assert.equal(only(outcome).error?.reason, "gone");
    assert.equal(w.outgoing.count, 0);
  });
});

test("calls are spread over the routers by what is in flight at each", async () => {
  const w = world();
  const routers = ["router-a", "router-b", "router-c"].map((id) => w.router(id));
  for (let i = 0; i < 300; i++) w.call();
  await w.server.settle();
  for (const { requests } of routers) assert.ok(requests.length > 90 && requests.length < 110, String(requests.length));
  w.path.stop();
});
