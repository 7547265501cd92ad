import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import type { BrokerMessage } from "../broker/broker.ts";
import { currentAmbient } from "../call/ambient.ts";
import { FramePool } from "../call/frames/frame-pool.ts";
import { errorOfReply } from "../call/respond.ts";
import {
  decodeProbeAnswer,
  encodeHeaderBlock,
  header,
  headerValue,
  MeshError,
  parseHeaderBlock,
  parseLoad,
  replySubject,
  runSubject,
} from "../contract/index.ts";
import { RouterDirectory } from "../discovery/router-directory.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { RecordedTelemetry } from "../testing/recorded-telemetry.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { MAX_ARRIVED } from "./arrived-queue.ts";
import type { CallContext } from "./call-context.ts";
import { type Handler, jsonEndpoints } from "./endpoint.ts";
import { EndpointStats } from "./endpoint-stats.ts";
import { Receiver } from "./receive.ts";
import { MAX_ABANDONED_RUNS } from "./served-endpoint.ts";

const EMPTY = new Uint8Array(0);
const ROUTER = "router-a";

interface Answer {
  readonly id: string;
  readonly error: MeshError | undefined;
  readonly payload: string;
  readonly message: BrokerMessage;
}

interface Request {
  readonly method?: string;
  readonly id?: string;
  readonly fields?: readonly string[];
  readonly headers?: Uint8Array;
  readonly payload?: string;
  readonly reply?: string;
}

function world(handlers: Record<string, Handler> = {}, maxInFlight = 100) {
  const server = new MemoryServer({ maxPayloadBytes: 64 * 1024 });
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  const [instance, router] = [server.connect(), server.connect()];
  const routers = new RouterDirectory();
  const receiver = new Receiver({
    broker: instance,
    runtime,
    routers,
    service: "orders",
    instance: "i1",
    version: "1.0.0",
    maxInFlight,
    pool: new FramePool(),
  });
  const stats = new Map<string, EndpointStats>();
  for (const endpoint of jsonEndpoints({ echo: (request: unknown) => request, ...handlers })) {
    const own = new EndpointStats(endpoint.name);
    stats.set(endpoint.name, own);
    receiver.add(endpoint, own);
  }
  receiver.start();
  const answers: Answer[] = [];
  const probes: ReturnType<typeof decodeProbeAnswer>[] = [];
  router.subscribe(`mesh.reply.${ROUTER}.*.*`, (message) => {
    const id = message.subject.split(".").at(-1) ?? "";
    if (id.startsWith("probe")) return probes.push(decodeProbeAnswer(message.payload));
    const block = parseHeaderBlock(message.headers);
    assert.ok(typeof block !== "string", String(block));
    return answers.push({
      id,
      message,
      error: errorOfReply(block, "instance"),
      payload: Buffer.from(message.payload).toString(),
    });
  });
  let count = 0;
  const send = ({
    method = "echo",
    id = `c${count++}`,
    fields = [],
    headers,
    payload = "{}",
    reply = replySubject(ROUTER, "orders", id),
  }: Request = {}): string => {
    router.publish(
      runSubject("orders", "i1", "cart", method),
      Buffer.from(payload),
      reply,
      headers ?? encodeHeaderBlock(fields),
    );
    return id;
  };
  const cancel = (id: string): void =>
    router.publish(
      runSubject("orders", "i1", "cart", "echo"),
      EMPTY,
      undefined,
      encodeHeaderBlock([header.cancel, id]),
    );
  const probe = async (...ids: string[]): Promise<ReturnType<typeof decodeProbeAnswer>> => {
    router.publish(
      runSubject("orders", "i1", ROUTER, "_probe"),
      EMPTY,
      replySubject(ROUTER, "orders", `probe${count++}`),
      encodeHeaderBlock([header.probe, ids.join(",")]),
    );
    await server.settle();
    return probes.at(-1);
  };
  const answerOf = (id: string): Answer =>
    answers.find((answer) => answer.id === id) ?? assert.fail(`no answer to ${id}`);
  return {
    server,
    telemetry,
    runtime,
    clock: runtime.clock,
    instance,
    router,
    routers,
    receiver,
    stats,
    answers,
    send,
    cancel,
    probe,
    answerOf,
  };
}

/** A handler that ends when the test says so. */
function held(): {
  handler: Handler;
  runs: { request: unknown; context: CallContext; end: (value?: unknown) => void; fail: (error: unknown) => void }[];
} {
  const runs: ReturnType<typeof held>["runs"] = [];
  return {
    runs,
    handler: (request, context) => new Promise((end, fail) => runs.push({ request, context, end, fail })),
  };
}

test("a call runs and its result is the reply, with the instance's load", async () => {
  const w = world();
  const id = w.send({ payload: '{"a":1}', fields: ["Content-Type", "application/json"] });
  await w.server.settle();
  const { error, payload, message } = w.answerOf(id);
  assert.deepEqual([error, payload], [undefined, '{"a":1}']);
  const block = parseHeaderBlock(message.headers);
  assert.ok(typeof block !== "string");
  assert.equal(headerValue(block, "content-type"), "application/json");
  assert.notEqual(parseLoad(headerValue(block, header.load) ?? ""), undefined);
  assert.deepEqual(
    w.telemetry.calls.map(({ reporter, caller, service, method, code }) => [reporter, caller, service, method, code]),
    [["instance", "cart", "orders", "echo", "OK"]],
  );
  assert.deepEqual(w.telemetry.inFlight, {});
  assert.deepEqual([w.stats.get("echo")?.requests, w.stats.get("echo")?.errors], [1, 0]);
});

test("what the context says of the call", async () => {
  const { handler, runs } = held();
  const w = world({ place: handler });
  w.send({
    method: "place",
    fields: [
      header.timeout,
      "500",
      header.requestId,
      "req",
      header.attempt,
      "2",
      "X-Mine",
      "1",
      "x-mine",
      "2",
      header.priority,
      "critical",
    ],
  });
  await w.server.settle();
  const { context } = runs[0] ?? assert.fail();
  assert.deepEqual(
    [context.principal, context.service, context.method, context.requestId, context.attempt],
    ["cart", "orders", "place", "req", 2],
  );
  assert.deepEqual([context.headers.get("x-mine"), context.headers.get("malla-timeout")], ["1", undefined]);
  assert.equal(context.remainingMs(), 500);
  assert.equal(context.deadline.getTime(), w.clock.wallMs() + 500);
  w.clock.advance(499);
  assert.equal(context.remainingMs(), 1);
  context.log.info({}, "line");
  assert.deepEqual(w.telemetry.lines.at(-1)?.facts, { method: "place", principal: "cart", requestId: "req" });
});

test("nested calls see deadline, signal and priority, in what is awaited too", async () => {
  const seen: unknown[] = [];
  const w = world({
    place: async (_request, context) => {
      await Promise.resolve();
      const ambient = currentAmbient();
      seen.push(ambient?.deadlineAtMs, ambient?.priority, ambient?.signal === context.signal, ambient?.baggage);
    },
  });
  w.send({ method: "place", fields: [header.timeout, "500", header.priority, "sheddable", header.baggage, "a=1"] });
  const deadline = w.clock.nowMs() + 500;
  await w.server.settle();
  assert.deepEqual(seen, [deadline, "sheddable", true, "a=1"]);
  assert.equal(currentAmbient(), undefined);
});

describe("refusals prove that nothing ran", () => {
  test("draining", async () => {
    const w = world();
    w.receiver.drain();
    const id = w.send();
    await w.server.settle();
    assert.deepEqual([w.answerOf(id).error?.reason, w.answerOf(id).error?.origin], ["not-started", "instance"]);
    assert.equal(w.telemetry.calls.length, 0);
  });

  test("full, until one has ended", async () => {
    const { handler, runs } = held();
    const w = world({ place: handler }, 2);
    const ids = [1, 2, 3].map(() => w.send({ method: "place" }));
    await w.server.settle();
    assert.equal(runs.length, 2);
    assert.equal(w.answerOf(ids[2] ?? "").error?.reason, "not-started");
    runs[0]?.end();
    await w.server.settle();
    w.send({ method: "place" });
    await w.server.settle();
    assert.equal(runs.length, 3);
  });

  test("more than can wait for their turn", async () => {
    const w = world();
    const ids = Array.from({ length: MAX_ARRIVED + 1 }, () => w.send());
    await w.server.settle();
    assert.equal(w.answers.length, ids.length);
    const { error } = w.answerOf(ids.at(-1) ?? "");
    assert.deepEqual([error?.reason, error?.message], ["not-started", "too many requests have arrived at once"]);
  });

  test("an unknown method, malformed headers, a deadline that had passed", async () => {
    const w = world();
    const unknown = w.send({ method: "nothing" });
    const malformed = w.send({ headers: Buffer.from("NATS/1.0\r\nbroken\r\n\r\n") });
    const late = w.send({ fields: [header.timeout, "0"] });
    await w.server.settle();
    assert.deepEqual(
      [unknown, malformed, late].map((id) => w.answerOf(id).error?.reason),
      ["no-method", "bad-request", "deadline"],
    );
    assert.equal(w.telemetry.calls.length, 0);
  });

  test("a subject that is not the router's, or a reply that is not this service's, is not even answered", async () => {
    let runs = 0;
    const w = world({ place: () => runs++ });
    const everything: string[] = [];
    w.router.subscribe(">", ({ subject }) => everything.push(subject));
    for (const reply of [
      "_INBOX.cart.x",
      "mesh.reply.router-a.payments.id",
      "mesh.policy.live",
      "mesh.reply.router-a.orders.a.b",
    ])
      w.send({ method: "place", reply });
    w.router.publish("mesh.direct.orders.i1.cart.place", EMPTY, replySubject(ROUTER, "orders", "x"));
    await w.server.settle();
    assert.equal(runs, 0);
    assert.deepEqual(
      everything.filter(
        (subject) => !/^mesh\.(run|direct)\./.test(subject) && subject !== "mesh.reply.router-a.orders.x",
      ),
      [],
    );
  });
});

describe("what a handler does", () => {
  test("throws, at once or later: told to the caller, logged here", async () => {
    const fault = new TypeError("x is not a function");
    const w = world({
      sync: () => {
        throw fault;
      },
      later: async () => Promise.reject(fault),
    });
    for (const method of ["sync", "later"]) {
      const id = w.send({ method });
      await w.server.settle();
      const { error } = w.answerOf(id);
      assert.deepEqual(
        [error?.status, error?.reason, error?.message, error?.http],
        ["UNKNOWN", "handler", "x is not a function", 500],
      );
      assert.equal(w.telemetry.lines.at(-1)?.facts.err, fault);
      assert.equal(w.stats.get(method)?.lastError, "500:x is not a function");
    }
    assert.deepEqual(w.telemetry.inFlight, {});
  });

  test("lets a nested call's not-started through: it does not become its own", async () => {
    const w = world({
      place: async () => {
        throw MeshError.of("not-started", "payments is draining", { origin: "router" });
      },
    });
    const id = w.send({ method: "place" });
    await w.server.settle();
    assert.deepEqual([w.answerOf(id).error?.reason, w.answerOf(id).error?.status], ["application", "UNAVAILABLE"]);
  });

  test("returns what cannot be written, or is too large", async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    const w = world({ cyclic: () => cyclic, big: () => 7n, large: () => "x".repeat(64 * 1024) });
    const ids = ["cyclic", "big", "large"].map((method) => w.send({ method }));
    await w.server.settle();
    assert.deepEqual(
      ids.map((id) => w.answerOf(id).error?.reason),
      ["handler", "handler", "too-large"],
    );
    assert.deepEqual(w.telemetry.inFlight, {});
  });

  test("payload that is no JSON is the caller's mistake and never reaches it", async () => {
    let runs = 0;
    const w = world({ place: () => runs++ });
    const id = w.send({ method: "place", payload: "{", fields: ["Content-Type", "application/json"] });
    await w.server.settle();
    assert.deepEqual([w.answerOf(id).error?.status, runs], ["INVALID_ARGUMENT", 0]);
  });

  test("a one-way call runs and is not answered", async () => {
    let runs = 0;
    const w = world({ place: () => runs++ });
    w.send({ method: "place", reply: "" });
    await w.server.settle();
    assert.deepEqual([runs, w.answers.length, w.telemetry.calls.length], [1, 0, 1]);
  });
});

describe("time", () => {
  test("the deadline aborts the handler and answers; what it returns later is not sent", async () => {
    const { handler, runs } = held();
    const w = world({ place: handler });
    const id = w.send({ method: "place", fields: [header.timeout, "100"] });
    await w.server.settle();
    w.clock.advance(105);
    const { context, end } = runs[0] ?? assert.fail();
    assert.ok(context.signal.aborted);
    assert.equal((context.signal.reason as MeshError).reason, "deadline");
    end("late");
    await w.server.settle();
    assert.equal(w.answers.length, 1);
    assert.equal(w.answerOf(id).error?.reason, "deadline");
    assert.equal(w.telemetry.calls.length, 1);
    assert.equal(w.runtime.timers.pending, 0);
  });

  test("handlers that go on after their deadlines are counted: their method takes no more, another does", async () => {
    const { handler, runs } = held();
    const w = world({ hang: handler });
    for (let started = 0; started < MAX_ABANDONED_RUNS; started += 100) {
      for (let i = 0; i < 100; i++) w.send({ method: "hang", fields: [header.timeout, "50"] });
      await w.server.settle();
      w.clock.advance(60);
    }
    assert.equal(runs.length, MAX_ABANDONED_RUNS);
    const refused = w.send({ method: "hang" });
    const other = w.send();
    await w.server.settle();
    assert.deepEqual([w.answerOf(refused).error?.reason, w.answerOf(other).error], ["not-started", undefined]);
    // Ended at last, by a result or a throw: there is room again, for as many as have ended.
    runs[0]?.end();
    runs[1]?.fail(new Error("late"));
    await w.server.settle();
    const again = [w.send({ method: "hang" }), w.send({ method: "hang" })];
    await w.server.settle();
    assert.equal(runs.length, MAX_ABANDONED_RUNS + 2);
    w.clock.advance(20_000);
    await w.server.settle();
    assert.deepEqual(
      again.map((id) => w.answerOf(id).error?.reason),
      ["deadline", "deadline"],
    );
    const last = w.send({ method: "hang" });
    await w.server.settle();
    assert.equal(w.answerOf(last).error?.reason, "not-started");
  });

  test("a handler that ends in time is not counted as one that goes on", async () => {
    const w = world();
    for (let i = 0; i < MAX_ABANDONED_RUNS + 1; i += 50) {
      for (let j = 0; j < 50; j++) w.send();
      await w.server.settle();
    }
    assert.ok(w.answers.every(({ error }) => error === undefined));
  });

  test("what was read after a stall longer than its time never starts", async () => {
    let runs = 0;
    const w = world({ place: () => runs++ });
    w.clock.stall(3_000);
    w.runtime.stall.tick();
    const late = w.send({ method: "place", fields: [header.timeout, "2000"] });
    const fine = w.send({ method: "place", fields: [header.timeout, "8000"] });
    await w.server.settle();
    assert.equal(w.answerOf(late).error?.reason, "deadline");
    assert.equal(w.answerOf(fine).error, undefined);
    assert.equal(runs, 1);
  });

  test("what was long on its way never starts, by the router's clock and not by ours", async () => {
    let runs = 0;
    const w = world({ place: () => runs++ });
    const skewMs = 3_600_000;
    const routerWall = (): number => w.clock.wallMs() + skewMs;
    w.routers.announce(
      ROUTER,
      {
        protocol: 1,
        version: "1",
        load: { inFlight: 0, queued: 0, loopLagMs: 0 },
        maxInFlight: 1,
        draining: false,
        policyRevision: 0,
        sentAtMs: routerWall(),
        capabilities: [],
      },
      w.clock.nowMs(),
      w.clock.wallMs(),
    );
    const late = w.send({
      method: "place",
      fields: [header.timeout, "1000", header.sent, String(routerWall() - 12_000)],
    });
    const perhaps = w.send({
      method: "place",
      fields: [header.timeout, "5000", header.sent, String(routerWall() - 4_960)],
    });
    const fine = w.send({ method: "place", fields: [header.timeout, "1000", header.sent, String(routerWall() - 20)] });
    const short = w.send({ method: "place", fields: [header.timeout, "40", header.sent, String(routerWall() - 20)] });
    await w.server.settle();
    assert.equal(w.answerOf(late).error?.reason, "deadline");
    assert.equal(w.answerOf(perhaps).error?.reason, "deadline", "the other clock is not known to the millisecond");
    for (const id of [fine, short]) assert.equal(w.answerOf(id).error, undefined);
    assert.equal(runs, 2);
  });

  test("the stamp of a clock nobody knows says nothing", async () => {
    const w = world();
    const id = w.send({ fields: [header.timeout, "1000", header.sent, "1"] });
    await w.server.settle();
    assert.equal(w.answerOf(id).error, undefined);
  });
});

describe("cancel", () => {
  test("right behind its call, in the same read: the call never starts and is not answered", async () => {
    let runs = 0;
    const w = world({ place: () => runs++ });
    const id = w.send({ method: "place" });
    w.cancel(id);
    await w.server.settle();
    assert.deepEqual([runs, w.answers.length], [0, 0]);
  });

  test("before its call: the call never starts", async () => {
    let runs = 0;
    const w = world({ place: () => runs++ });
    w.cancel("c0");
    await w.server.settle();
    w.send({ method: "place", id: "c0" });
    await w.server.settle();
    assert.equal(runs, 0);
  });

  test("while it runs: aborts the handler", async () => {
    const { handler, runs } = held();
    const w = world({ place: handler });
    const id = w.send({ method: "place" });
    await w.server.settle();
    w.cancel(id);
    await w.server.settle();
    assert.equal((runs[0]?.context.signal.reason as MeshError | undefined)?.reason, "cancelled");
    runs[0]?.end();
    await w.server.settle();
    assert.deepEqual(
      w.telemetry.calls.map(({ reason }) => reason),
      ["cancelled"],
    );
    assert.equal(w.receiver.load.inFlight, 0);
  });

  test("of what is done, or of nonsense, does nothing and is not run as a call", async () => {
    let runs = 0;
    const w = world({ echo: () => runs++ });
    const id = w.send();
    await w.server.settle();
    w.cancel(id);
    w.cancel("*");
    w.router.publish(
      runSubject("orders", "i1", "cart", "echo"),
      EMPTY,
      undefined,
      Buffer.from("NATS/1.0\r\nbroken\r\n\r\n"),
    );
    await w.server.settle();
    assert.equal(runs, 1);
    assert.deepEqual((await w.probe(id))?.done, [id]);
  });
});

describe("the same id", () => {
  test("twice in one read, while it runs, and after it has run: runs once", async () => {
    const { handler, runs } = held();
    const w = world({ place: handler });
    w.send({ method: "place", id: "same" });
    w.send({ method: "place", id: "same" });
    await w.server.settle();
    w.send({ method: "place", id: "same" });
    await w.server.settle();
    runs[0]?.end();
    await w.server.settle();
    w.instance.hearsTwice = true;
    w.send({ method: "place", id: "same" });
    await w.server.settle();
    assert.deepEqual([runs.length, w.answers.length], [1, 1]);
  });
});

describe("probes", () => {
  test("an id named a thousand times brings its reply once", async () => {
    const w = world();
    const done = w.send();
    await w.server.settle();
    assert.deepEqual(await w.probe(...new Array<string>(1_000).fill(done)), { running: [], done: [done], unseen: [] });
    assert.equal(w.answers.filter(({ id }) => id === done).length, 2, "its own reply, and that once again");
  });

  test("are answered at once with running, done and unseen; what is done is sent again", async () => {
    const { handler, runs } = held();
    const w = world({ place: handler });
    const done = w.send();
    const running = w.send({ method: "place" });
    await w.server.settle();
    assert.equal(w.answers.length, 1);
    assert.deepEqual(await w.probe(running, done, "never"), { running: [running], done: [done], unseen: ["never"] });
    assert.deepEqual(
      w.answers.map(({ id }) => id),
      [done, done],
    );
    assert.equal(w.answers[1]?.payload, w.answers[0]?.payload);
    runs[0]?.end();
  });

  test("burn what they call unseen", async () => {
    let count = 0;
    const w = world({ place: () => count++ });
    await w.probe("late");
    w.send({ method: "place", id: "late" });
    await w.server.settle();
    assert.deepEqual([count, w.answers.length], [0, 0]);
  });

  test("count as running what has arrived and waits for its turn", async () => {
    let count = 0;
    const w = world({ place: () => count++ });
    w.send({ method: "place", id: "arriving" });
    const answer = await w.probe("arriving");
    assert.deepEqual(answer, { running: ["arriving"], done: [], unseen: [] });
    assert.equal(count, 1);
  });

  test("say done of a reply that is kept no more, so that it never runs twice", async () => {
    const w = world({ large: () => new Uint8Array(60 * 1024) });
    for (let i = 0; i < 200; i++) w.send({ method: "large", id: `l${i}` });
    await w.server.settle();
    assert.deepEqual((await w.probe("l0", "l199"))?.unseen, []);
  });

  test("with a reply that is not this service's, or nonsense for ids, are not answered with anything", async () => {
    const w = world();
    w.router.publish(
      runSubject("orders", "i1", ROUTER, "_probe"),
      EMPTY,
      "_INBOX.cart.x",
      encodeHeaderBlock([header.probe, "a"]),
    );
    w.router.publish(
      runSubject("orders", "i1", ROUTER, "_probe"),
      EMPTY,
      replySubject(ROUTER, "orders", "probe-x"),
      Buffer.from("NATS/1.0\r\nx\r\n\r\n"),
    );
    await w.server.settle();
    assert.deepEqual(await w.probe("*", "a.b", ""), { running: [], done: [], unseen: [] });
  });

  test("are answered while draining", async () => {
    const { handler } = held();
    const w = world({ place: handler });
    const id = w.send({ method: "place" });
    await w.server.settle();
    w.receiver.drain();
    assert.deepEqual((await w.probe(id))?.running, [id]);
  });
});

describe("a lost connection", () => {
  test("keeps the reply, which is sent after it is back", async () => {
    const { handler, runs } = held();
    const w = world({ place: handler });
    const id = w.send({ method: "place" });
    await w.server.settle();
    w.instance.disconnect();
    runs[0]?.end({ ok: true });
    await w.server.settle();
    assert.equal(w.answers.length, 0);
    w.instance.reconnect();
    await w.server.settle();
    assert.equal(w.answerOf(id).payload, '{"ok":true}');
  });

  test("also what was sent right before, but not what is older", async () => {
    const w = world();
    w.send({ id: "old" });
    await w.server.settle();
    w.clock.advance(3_000);
    w.send({ id: "recent" });
    await w.server.settle();
    w.instance.disconnect();
    w.instance.reconnect();
    await w.server.settle();
    assert.deepEqual(
      w.answers.map(({ id }) => id),
      ["old", "recent", "recent"],
    );
  });

  test("that is closed while a handler runs leaves nothing running and nothing thrown", async () => {
    const { handler, runs } = held();
    const w = world({ place: handler });
    w.send({ method: "place" });
    await w.server.settle();
    // Closed below, with the word of it still on its way.
    Object.defineProperty(w.instance, "connected", { get: () => true });
    await w.instance.close();
    w.instance.publish = () => {
      throw new Error("closed");
    };
    runs[0]?.end();
    await w.server.settle();
    assert.equal(w.receiver.load.inFlight, 0);
    assert.deepEqual(w.telemetry.inFlight, {});
    await w.receiver.whenIdle();
  });
});

test("a method is served once", () => {
  const w = world();
  const [endpoint] = jsonEndpoints({ echo: () => undefined });
  assert.throws(() => w.receiver.add(endpoint ?? assert.fail(), new EndpointStats("echo")), /echo is served already/);
});

describe("what no router of this mesh sends is refused, counted and told once, with whoever it was sent for", () => {
  const BROKEN = Buffer.from("NATS/1.0\r\nbroken\r\n\r\n");
  const cases: readonly (readonly [string, Request, string])[] = [
    ["an answer for another service", { reply: replySubject(ROUTER, "payments", "x") }, "attempt-reply"],
    ["an answer that would be a call", { reply: "mesh.call.orders.payments.charge" }, "attempt-reply"],
    ["an answer into an inbox", { reply: "_INBOX.cart.conn.1" }, "attempt-reply"],
    ["a malformed header block", { headers: BROKEN }, "attempt-headers"],
    ["a method that is none", { method: "_nonsense" }, "attempt-subject"],
    [
      "a probe for another service",
      { method: "_probe", reply: replySubject(ROUTER, "payments", "x") },
      "attempt-reply",
    ],
    ["a probe that cannot be read", { method: "_probe", headers: BROKEN }, "probe"],
    ["a probe of nothing", { method: "_probe" }, "probe"],
  ];
  for (const [name, request, stage] of cases) {
    test(name, async () => {
      let runs = 0;
      const w = world({ echo: () => runs++ });
      w.send(request);
      await w.server.settle();
      assert.deepEqual(w.telemetry.rejections, [{ stage, reason: "bad-request" }]);
      assert.deepEqual(
        w.telemetry.lines.map(({ facts }) => [facts["stage"], facts["principal"]]),
        [[stage, "cart"]],
      );
      assert.equal(runs, 0);
    });
  }

  test("a cancel that cannot be read, or names no call", async () => {
    const w = world();
    w.cancel("no id");
    w.router.publish(runSubject("orders", "i1", "cart", "echo"), EMPTY, undefined, BROKEN);
    await w.server.settle();
    assert.deepEqual(
      w.telemetry.rejections.map(({ stage }) => stage),
      ["cancel", "attempt-headers"],
    );
  });
});
