import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BrokerDisconnected } from "../../broker/broker.ts";
import {
  EMPTY_BLOCK,
  type InstanceState,
  MeshError,
  type Notice,
  type RouteDocument,
  type RouteSpec,
  type ServicePolicyDocument,
} from "../../contract/index.ts";
import { Registry } from "../../discovery/registry.ts";
import { emptyPolicy, MAX_FREE_RETRIES, type Policy, RetryBudget } from "../../engine/index.ts";
import { exchangeOf, instanceState, policyOf } from "../../testing/exchange-fixture.ts";
import { RecordedTelemetry } from "../../testing/recorded-telemetry.ts";
import { createTestRuntime, type TestRuntime } from "../../testing/test-runtime.ts";
import type { Exchange } from "../exchange.ts";
import { errorFields } from "../respond.ts";
import {
  type Attempt,
  type AttemptSender,
  type AttemptTable,
  createAttemptTable,
  type InstanceReply,
} from "./attempt.ts";
import { type Dispatch, type DispatchPorts, type DispatchResult, dispatch } from "./dispatch.ts";
import { MAX_PARKED_CALLS_PER_PRINCIPAL, MAX_PARKED_IN_DOUBT_MS, MAX_PARKED_MS, Parking } from "./parking.ts";

const EMPTY = new Uint8Array(0);
const OK: InstanceReply = { attemptId: "", headers: EMPTY_BLOCK, payload: Uint8Array.from([1]) };
const NO_RESPONDERS: InstanceReply = { attemptId: "", headers: { status: 503, fields: [] }, payload: EMPTY };

function errorReply(error: MeshError, payload = EMPTY): InstanceReply {
  return { attemptId: "", headers: { status: 0, fields: errorFields(error, 1) }, payload };
}
const NACK = errorReply(MeshError.of("not-started", "draining", { origin: "instance" }));

/** A sender whose attempts wait for the test to answer them. */
class HeldSender implements AttemptSender {
  readonly sent: Attempt[] = [];
  readonly cancelled: Attempt[] = [];
  failure: unknown;

  send(attempt: Attempt): void {
    if (this.failure !== undefined) throw this.failure;
    this.sent.push(attempt);
  }

  cancel(attempt: Attempt): void {
    this.cancelled.push(attempt);
  }

  get last(): Attempt {
    return this.sent.at(-1) ?? assert.fail("nothing was sent");
  }
}

interface World {
  readonly runtime: TestRuntime;
  readonly telemetry: RecordedTelemetry;
  readonly registry: Registry;
  readonly attempts: AttemptTable;
  readonly sender: HeldSender;
  readonly parking: Parking;
  readonly results: DispatchResult[];
  readonly wanted: string[];
  readonly notices: Notice[];
  announce(id: string, more?: Partial<InstanceState>): void;
  start(more?: Partial<Exchange>, policy?: Policy): { exchange: Exchange; running: Dispatch };
  reply(attempt: Attempt, reply: InstanceReply): void;
}

function world(seed = 1, parks = true): World {
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ seed, telemetry });
  const parking = new Parking(runtime.timers);
  const registry = new Registry({ onServing: (entry) => parking.serviceChanged(entry.name) });
  const attempts = createAttemptTable();
  const sender = new HeldSender();
  const wanted: string[] = [];
  const notices: Notice[] = [];
  const budget = new RetryBudget();
  const results: DispatchResult[] = [];
  const ports: DispatchPorts = {
    ...runtime,
    registry,
    attempts,
    sender,
    parking: parks ? parking : undefined,
    onWanted: (service) => wanted.push(service),
    onWaiting: (_exchange, notice) => notices.push(notice),
    budgetOf: () => budget,
  };
  return {
    runtime,
    telemetry,
    registry,
    attempts,
    sender,
    parking,
    results,
    wanted,
    notices,
    announce: (id, more) => void registry.announce("sdk", "orders", id, instanceState(more), runtime.clock.nowMs()),
    start: (more = {}, policy = emptyPolicy) => {
      const exchange = exchangeOf(runtime.clock.nowMs(), more, policy);
      return { exchange, running: dispatch(exchange, ports, (result) => results.push(result)) };
    },
    reply: (attempt, reply) => {
      if (attempts.get(attempt.id) !== attempt) return;
      attempts.remove(attempt);
      attempt.owner.attemptReplied(attempt, reply);
    },
  };
}

function routeTo(spec: Partial<RouteSpec>): Policy {
  const document: RouteDocument = {
    apiVersion: "malla.dev/v1",
    kind: "Route",
    metadata: { name: "r" },
    spec: { match: { service: "orders" }, destinations: [{ weight: 1 }], ...spec },
  };
  return policyOf(document);
}

/** Nothing of the call is left anywhere. */
function assertClean({ runtime, registry, attempts, parking }: World): void {
  assert.equal(runtime.timers.pending, 0, "timers left");
  assert.equal(attempts.size, 0, "attempts left");
  assert.equal(parking.size, 0, "calls left parked");
  for (const entry of registry.services())
    for (const instance of entry.instances.values())
      assert.equal(instance.load.inFlight, 0, `in flight at ${instance.id}`);
  assert.deepEqual(runtime.timerErrors, []);
}

function only(results: readonly DispatchResult[]): DispatchResult {
  assert.equal(results.length, 1, `done was called ${results.length} times`);
  return results[0] as DispatchResult;
}

test("a success is the instance's reply, as it came", () => {
  const w = world();
  w.announce("a");
  const { exchange } = w.start();
  assert.equal(w.sender.sent.length, 1);
  assert.equal(w.sender.last.instance.load.inFlight, 1);
  w.runtime.clock.advance(20);
  w.reply(w.sender.last, OK);
  assert.deepEqual(only(w.results), { error: undefined, reply: OK, waits: false });
  assert.deepEqual([exchange.attempts, exchange.version], [1, "1.0.0"]);
  assert.deepEqual(
    w.telemetry.attempts.map(({ instance, code, reason, durationMs }) => [instance, code, reason, durationMs]),
    [["a", "OK", "", 20]],
  );
  assertClean(w);
});

describe("nothing ran: elsewhere at once", () => {
  for (const [name, reply] of [
    ["a nack", NACK],
    ["the broker's 503", NO_RESPONDERS],
  ] as const) {
    test(`after ${name}, though the method is not idempotent`, () => {
      const w = world();
      w.announce("a");
      w.announce("b");
      w.start();
      const first = w.sender.last;
      w.reply(first, reply);
      assert.equal(w.sender.sent.length, 2);
      assert.notEqual(w.sender.last.instance.id, first.instance.id);
      assert.deepEqual(
        [w.sender.last.number, w.telemetry.retries],
        [2, [{ service: "orders", reason: "not-started" }]],
      );
      // Only what the broker says makes suspect; an instance that answers is there.
      assert.equal(first.instance.suspectUntilMs > 0, reply === NO_RESPONDERS);
      w.reply(w.sender.last, OK);
      assert.equal(only(w.results).error, undefined);
      assertClean(w);
    });
  }

  test("an unseen request goes elsewhere, and a late reply to it changes nothing", () => {
    const w = world();
    w.announce("a");
    w.announce("b");
    w.start();
    const first = w.sender.last;
    w.attempts.probeAnswered(first.instance, { running: [], done: [], unseen: [first.id] });
    assert.equal(w.sender.sent.length, 2);
    w.reply(first, OK);
    assert.equal(w.results.length, 0);
    w.reply(w.sender.last, OK);
    only(w.results);
    assertClean(w);
  });

  test("but not for ever", () => {
    const w = world();
    for (let i = 0; i < 20; i++) w.announce(`i${i}`);
    w.start();
    for (let i = 0; i < 50 && w.results.length === 0; i++) {
      w.reply(w.sender.last, NACK);
      w.runtime.clock.advance(300);
    }
    assert.equal(only(w.results).error?.reason, "not-started");
    assert.ok(
      w.sender.sent.length > MAX_FREE_RETRIES && w.sender.sent.length <= MAX_FREE_RETRIES + 3,
      String(w.sender.sent.length),
    );
    assert.equal(
      new Set(w.sender.sent.map(({ instance }) => instance.id)).size,
      w.sender.sent.length,
      "each instance once",
    );
    assertClean(w);
  });

  test("an instance that was ejected and refuses its probe is not asked five times over while others are well", () => {
    const w = world();
    for (const id of ["a", "b", "c"]) w.announce(id);
    const sick = w.registry.instance("orders", "a") ?? assert.fail();
    sick.outlier.untilMs = w.runtime.clock.nowMs() - 1;
    sick.outlier.group.open++;
    sick.outlier.group.changes++;
    w.start();
    assert.equal(w.sender.last.instance.id, "a", "a half-open instance gets its probe");
    w.reply(w.sender.last, NACK);
    assert.notEqual(w.sender.last.instance.id, "a");
    w.reply(w.sender.last, OK);
    only(w.results);
  });
});

describe("it may have run", () => {
  test("gone: an idempotent call goes elsewhere after a back-off", () => {
    const w = world();
    w.announce("a");
    w.announce("b");
    w.start({ idempotent: true });
    const first = w.sender.last;
    w.attempts.probeUnheard(first.instance, [first.id], w.runtime.clock.nowMs());
    assert.equal(w.results.length, 0);
    w.runtime.clock.advance(300);
    assert.equal(w.sender.sent.length, 2);
    assert.notEqual(w.sender.last.instance.id, first.instance.id);
    w.reply(w.sender.last, OK);
    only(w.results);
    assertClean(w);
  });

  test("gone: all that is lost with an instance goes elsewhere once, however much that is", () => {
    const w = world();
    w.announce("a", { maxInFlight: 10_000 });
    const calls = 2_000;
    for (let i = 0; i < calls; i++) w.start({ idempotent: true });
    const loseAll = (instead: string): void => {
      w.announce(instead, { maxInFlight: 10_000 });
      for (const attempt of w.sender.sent.slice())
        w.attempts.probeUnheard(attempt.instance, [attempt.id], w.runtime.clock.nowMs());
      w.runtime.clock.advance(300);
    };
    loseAll("b");
    assert.equal(w.sender.sent.length, 2 * calls);
    loseAll("c");
    // From the second loss on by the budget: 20 % of the calls, and ten a second over the window of ten.
    assert.equal(w.sender.sent.length, 2 * calls + calls * 0.2 + 100);
  });

  test("gone: what a silent instance may still be at work on is done elsewhere by the budget", () => {
    const w = world();
    w.announce("a", { maxInFlight: 10_000 });
    const calls = 2_000;
    for (let i = 0; i < calls; i++) w.start({ idempotent: true });
    w.announce("b", { maxInFlight: 10_000 });
    for (const attempt of w.sender.sent.slice()) w.attempts.peerSilent(attempt.instance, [attempt.id]);
    w.runtime.clock.advance(300);
    assert.equal(w.sender.sent.length, calls + calls * 0.2 + 100);
  });

  test("gone: any other call is not repeated", () => {
    const w = world();
    w.announce("a");
    w.announce("b");
    w.start();
    const first = w.sender.last;
    const now = w.runtime.clock.nowMs();
    w.attempts.probeUnheard(first.instance, [first.id], now);
    w.attempts.probeOld(now + 3_000, () => undefined);
    const { error } = only(w.results);
    assert.deepEqual([error?.reason, error?.status], ["gone", "UNAVAILABLE"]);
    assert.equal(w.sender.sent.length, 1);
    assertClean(w);
  });

  for (const error of [
    MeshError.of("handler", "thrown", { origin: "instance" }),
    MeshError.of("internal", "fault", { origin: "instance" }),
    new MeshError({ status: "UNAVAILABLE", message: "the application's own" }),
  ]) {
    test(`${error.reason} ${error.status}: never by default, even where the method is idempotent`, () => {
      const w = world();
      w.announce("a");
      w.announce("b");
      w.start({ idempotent: true });
      w.reply(w.sender.last, errorReply(error));
      assert.equal(only(w.results).error?.reason, error.reason);
      assertClean(w);
    });
  }

  test("an application's error keeps its body, the mesh's has none", () => {
    const w = world();
    w.announce("a");
    w.start();
    const body = Uint8Array.from([7]);
    w.reply(w.sender.last, errorReply(new MeshError({ status: "NOT_FOUND", message: "x" }), body));
    assert.equal(only(w.results).reply?.payload, body);
    const v = world();
    v.announce("a");
    v.start();
    v.reply(v.sender.last, errorReply(MeshError.of("handler", "x", { origin: "instance" }), body));
    assert.equal(only(v.results).reply, undefined);
  });
});

describe("time", () => {
  test("a deadline that had passed sends nothing", () => {
    const w = world();
    w.announce("a");
    w.start({ deadlineAtMs: w.runtime.clock.nowMs() });
    assert.equal(only(w.results).error?.reason, "deadline");
    assert.equal(w.sender.sent.length, 0);
    assertClean(w);
  });

  test("the deadline ends the call and says where it was; the instance keeps to it by itself", () => {
    const w = world();
    w.announce("a");
    w.start({ deadlineAtMs: w.runtime.clock.nowMs() + 100 });
    w.runtime.clock.advance(99);
    assert.equal(w.results.length, 0);
    w.runtime.clock.advance(6);
    const { error } = only(w.results);
    assert.equal(error?.reason, "deadline");
    assert.match(error?.message ?? "", /orders\.place.*100 ms.*instance a/);
    assert.deepEqual(w.sender.cancelled, []);
    assertClean(w);
  });

  test("a try that takes too long goes elsewhere if the call is idempotent, and the slow instance is told", () => {
    for (const idempotent of [true, false]) {
      const w = world();
      w.announce("a");
      w.announce("b");
      w.start({ idempotent }, routeTo({ perTryTimeoutMs: 50 }));
      const first = w.sender.last;
      w.runtime.clock.advance(55);
      assert.deepEqual(w.sender.cancelled, [first]);
      w.runtime.clock.advance(30);
      assert.equal(w.sender.sent.length, idempotent ? 2 : 1);
      if (!idempotent) assert.equal(only(w.results).error?.reason, "deadline");
      else {
        assert.notEqual(w.sender.last.instance.id, first.instance.id);
        w.reply(w.sender.last, OK);
        assert.equal(only(w.results).error, undefined);
      }
      assertClean(w);
    }
  });

  test("retries end with the budget", () => {
    const w = world();
    for (let i = 0; i < 4; i++) w.announce(`i${i}`, { maxInFlight: 10_000 });
    const calls = 2_000;
    for (let i = 0; i < calls; i++) w.start({ idempotent: true });
    for (let round = 0; round < 4; round++) {
      for (const attempt of w.sender.sent.slice()) {
        if (w.attempts.get(attempt.id) !== attempt) continue;
        w.attempts.remove(attempt);
        attempt.owner.attemptFailed(attempt, MeshError.of("deadline", "slow", { origin: "router" }));
      }
      w.runtime.clock.advance(300);
    }
    // 20 % of the calls, and ten a second over the window of ten.
    assert.equal(w.sender.sent.length - calls, calls * 0.2 + 100);
  });
});

describe("nobody there", () => {
  test("a call waits for an instance to come, and says what it waits for", () => {
    const w = world();
    w.start();
    assert.deepEqual([w.results.length, w.parking.size, w.wanted], [0, 1, ["orders"]]);
    w.runtime.clock.advance(500);
    w.announce("a");
    assert.equal(w.sender.sent.length, 1);
    w.reply(w.sender.last, OK);
    only(w.results);
    assertClean(w);
  });

  test("whoever has no place to wait in ends at once, and says that the call would wait", () => {
    const w = world(1, false);
    w.start();
    assert.deepEqual([only(w.results).error?.reason, only(w.results).waits], ["no-instance", true]);
    w.results.length = 0;
    w.announce("a");
    w.sender.failure = new BrokerDisconnected();
    w.start();
    assert.deepEqual([only(w.results).error?.reason, only(w.results).waits], ["not-started", true]);
    assertClean(w);
  });

  test("but not longer than 1.5 s, nor than its deadline", () => {
    const w = world();
    w.start();
    w.runtime.clock.advance(MAX_PARKED_MS - 1);
    assert.equal(w.results.length, 0);
    w.runtime.clock.advance(6);
    assert.equal(only(w.results).error?.reason, "no-instance");
    assertClean(w);
    const v = world();
    v.start({ deadlineAtMs: v.runtime.clock.nowMs() + 100 });
    v.runtime.clock.advance(110);
    assert.match(only(v.results).error?.reason ?? "", /deadline|no-instance/);
    assertClean(v);
  });

  test("beyond its caller's share of the park it ends at once, and another's call waits all the same", () => {
    const w = world();
    const share = Array.from({ length: MAX_PARKED_CALLS_PER_PRINCIPAL }, () =>
      w.parking.wait("orders", "cart", 0, 1_000, () => undefined),
    );
    w.start({ principal: "cart" });
    assert.equal(only(w.results).error?.reason, "parking-full");
    w.start({ principal: "web" });
    assert.deepEqual([w.results.length, w.parking.size], [1, MAX_PARKED_CALLS_PER_PRINCIPAL + 1]);
    for (const parked of share) if (typeof parked === "object") w.parking.leave(parked);
    w.runtime.clock.advance(MAX_PARKED_MS + 10);
    assert.equal(w.results.length, 2);
    assertClean(w);
  });

  test("instances that come and go do not make it wait longer in all", () => {
    const w = world();
    w.start();
    const start = w.runtime.clock.nowMs();
    for (let i = 0; i < 40 && w.results.length === 0; i++) {
      w.runtime.clock.advance(100);
      w.announce(`i${i}`, { phase: "draining" });
    }
    assert.ok(w.runtime.clock.nowMs() - start <= MAX_PARKED_MS + 100);
    only(w.results);
    assertClean(w);
  });

  test("the caller is told, once, that nothing has started, and before something does", () => {
    const w = world();
    w.announce("a");
    w.start({ idempotent: true });
    w.reply(w.sender.last, NO_RESPONDERS);
    w.announce("b", { phase: "draining" });
    assert.deepEqual(w.notices, ["parked"]);
    w.announce("b");
    assert.deepEqual(w.notices, ["parked", "dispatching"]);
    w.attempts.remove(w.sender.last);
    w.sender.last.owner.attemptFailed(w.sender.last, MeshError.of("gone", "lost", { origin: "router" }));
    w.runtime.clock.advance(300);
    assert.equal(w.parking.size, 1);
    assert.equal(w.notices.length, 2, "an attempt may have run: the call is not to be taken elsewhere");
    w.announce("c");
    w.reply(w.sender.last, OK);
    assert.equal(only(w.results).error, undefined);
    assertClean(w);
  });

  test("the last instance's nack parks the call until another comes", () => {
    const w = world();
    w.announce("a");
    w.start();
    w.reply(w.sender.last, NO_RESPONDERS);
    assert.equal(w.parking.size, 1);
    w.announce("b");
    assert.equal(w.sender.last.instance.id, "b");
    w.reply(w.sender.last, OK);
    only(w.results);
    assertClean(w);
  });

  test("instances that are all full refuse as overloaded, at once", () => {
    const w = world();
    w.announce("a", { maxInFlight: 1 });
    w.start();
    w.start();
    assert.equal(only(w.results).error?.reason, "overloaded");
    w.reply(w.sender.last, OK);
    assertClean(w);
  });

  test("but calls that waited for it get their turn one by one, and no longer than calls in doubt wait", () => {
    const w = world();
    w.start();
    w.start();
    w.start();
    w.announce("a", { maxInFlight: 1 });
    assert.deepEqual([w.sender.sent.length, w.parking.size, w.results.length], [1, 2, 0]);
    w.reply(w.sender.last, OK);
    assert.deepEqual([w.sender.sent.length, w.parking.size], [2, 1]);
    w.start();
    assert.equal(only(w.results.slice(1)).error?.reason, "overloaded", "who comes now does not wait");
    w.runtime.clock.advance(MAX_PARKED_IN_DOUBT_MS + 10);
    assert.equal(w.results.length, 3);
    assert.equal(w.results[2]?.error?.reason, "overloaded");
    w.reply(w.sender.last, OK);
    assertClean(w);
  });

  test("nor is a call refused because the one instance that is back from a blip is full: the others are asked first", () => {
    const w = world();
    w.announce("a", { maxInFlight: 1 });
    w.announce("b", { maxInFlight: 1 });
    w.registry.suspect(w.registry.instance("orders", "b") ?? assert.fail(), w.runtime.clock.nowMs());
    w.start();
    w.start();
    assert.deepEqual([w.sender.sent.length, w.parking.size, w.results.length], [1, 1, 0]);
    w.registry.trust(w.registry.instance("orders", "b") ?? assert.fail(), w.runtime.clock.nowMs());
    assert.deepEqual([w.sender.sent.length, w.sender.last.instance.id], [2, "b"]);
    for (const attempt of w.sender.sent.slice()) w.reply(attempt, OK);
    assert.deepEqual(
      w.results.map(({ error }) => error),
      [undefined, undefined],
    );
    assertClean(w);
  });

  test("a Route's destination that nobody fits parks as well", () => {
    const w = world();
    w.announce("a", { version: "1.0.0" });
    w.start({}, routeTo({ destinations: [{ version: "2.x", weight: 1 }] }));
    assert.equal(w.parking.size, 1);
    w.announce("b", { version: "2.1.0" });
    assert.equal(w.sender.last.instance.id, "b");
    w.reply(w.sender.last, OK);
    only(w.results);
    assertClean(w);
  });
});

describe("the own connection", () => {
  test("while it is down nothing is sent, and no instance is blamed", () => {
    const w = world();
    w.announce("a");
    w.announce("b");
    w.sender.failure = new BrokerDisconnected();
    w.start();
    w.runtime.clock.advance(MAX_PARKED_IN_DOUBT_MS - 100);
    assert.equal(w.results.length, 0, "it waits for the broker");
    w.runtime.clock.advance(200);
    assert.equal(only(w.results).error?.reason, "not-started");
    for (const id of ["a", "b"]) {
      const instance = w.registry.instance("orders", id);
      assert.deepEqual(
        [instance?.suspectUntilMs, instance?.load.score(w.runtime.clock.nowMs()), instance?.outlier.failuresInRow],
        [0, 0.5, 0],
      );
    }
    assertClean(w);
  });

  test("a request too large for the broker is refused, says nothing of the instance and is not repeated", () => {
    const w = world();
    w.announce("a");
    w.announce("b");
    for (const id of ["a", "b"]) (w.registry.instance("orders", id) ?? assert.fail()).outlier.failuresInRow = 3;
    w.sender.failure = MeshError.of("too-large", "x", { origin: "router" });
    w.start();
    assert.equal(only(w.results).error?.reason, "too-large");
    for (const id of ["a", "b"]) assert.equal(w.registry.instance("orders", id)?.outlier.failuresInRow, 3);
    assertClean(w);
  });
});

describe("giving up", () => {
  test("tells the instance; what it answers later changes nothing", () => {
    const w = world();
    w.announce("a");
    const { running } = w.start();
    const attempt = w.sender.last;
    running.cancel(MeshError.of("cancelled", "enough", { origin: "router" }));
    running.cancel(MeshError.of("cancelled", "enough", { origin: "router" }));
    w.reply(attempt, OK);
    assert.equal(only(w.results).error?.reason, "cancelled");
    assert.deepEqual(w.sender.cancelled, [attempt]);
    assert.equal(attempt.instance.outlier.failuresInRow, 0);
    assertClean(w);
  });

  test("while it waits for an instance, or for its back-off", () => {
    const w = world();
    const { running } = w.start();
    running.cancel(MeshError.of("cancelled", "enough"));
    w.announce("a");
    only(w.results);
    assert.equal(w.sender.sent.length, 0);
    const second = w.start({ idempotent: true });
    w.attempts.probeUnheard(w.sender.last.instance, [w.sender.last.id], w.runtime.clock.nowMs());
    second.running.cancel(MeshError.of("cancelled", "enough"));
    w.runtime.clock.advance(5_000);
    assert.deepEqual([w.results.length, w.sender.sent.length], [2, 1]);
    assertClean(w);
  });
});

test("five failures in a row eject an instance, and that is told", () => {
  const w = world();
  w.announce("a");
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(w.telemetry.breakerChanges, []);
    w.start();
    w.reply(w.sender.last, errorReply(MeshError.of("internal", "x", { origin: "instance" })));
  }
  assert.deepEqual(w.telemetry.breakerChanges, [{ service: "orders", instance: "a", state: "open" }]);
  w.start();
  assert.equal(w.sender.sent.length, 6, "the last one is never taken away");
});

test("a policy decides on methods it calls idempotent and on its own conditions", () => {
  const document: ServicePolicyDocument = {
    apiVersion: "malla.dev/v1",
    kind: "ServicePolicy",
    metadata: { name: "p" },
    spec: {
      service: "orders",
      retries: {
        attempts: 1,
        on: ["aborted"],
        backoff: { fixed: { delayMs: 10 } },
        budget: { percent: 100, minPerSecond: 10 },
      },
    },
  };
  const w = world();
  w.announce("a");
  w.announce("b");
  w.start({ idempotent: true }, policyOf(document));
  w.reply(w.sender.last, errorReply(new MeshError({ status: "ABORTED", message: "x" })));
  w.runtime.clock.advance(15);
  assert.equal(w.sender.sent.length, 2);
  w.reply(w.sender.last, errorReply(new MeshError({ status: "ABORTED", message: "x" })));
  assert.equal(only(w.results).error?.status, "ABORTED");
  assertClean(w);
});

test("property: whatever happens in whatever order, done is called exactly once and nothing is left", () => {
  const event = fc.oneof(
    fc.record({ do: fc.constant("advance" as const), n: fc.integer({ min: 1, max: 400 }) }),
    fc.record({
      do: fc.constantFrom(
        "ok",
        "nack",
        "nobody",
        "handler",
        "unseen",
        "unheard",
        "running",
        "late",
        "suspect",
        "announce",
        "gone",
        "drain",
        "disconnect",
        "connect",
      ),
      n: fc.nat({ max: 20 }),
    }),
    fc.record({ do: fc.constant("cancel" as const), n: fc.constant(0) }),
  );
  fc.assert(
    fc.property(
      fc.nat(),
      fc.boolean(),
      fc.integer({ min: 1, max: 3_000 }),
      fc.option(fc.integer({ min: 5, max: 200 }), { nil: undefined }),
      fc.integer({ min: 0, max: 3 }),
      fc.array(event, { maxLength: 40 }),
      (seed, idempotent, timeoutMs, perTryTimeoutMs, instances, events) => {
        const w = world(seed);
        const now = (): number => w.runtime.clock.nowMs();
        for (let i = 0; i < instances; i++) w.announce(`i${i}`, { maxInFlight: 1 + (seed % 3) });
        const policy = perTryTimeoutMs === undefined ? emptyPolicy : routeTo({ perTryTimeoutMs });
        const { running, exchange } = w.start({ idempotent, deadlineAtMs: now() + timeoutMs }, policy);
        for (const { do: what, n } of events) {
          const attempt = w.sender.sent.at(-1);
          const waits = attempt !== undefined && w.attempts.get(attempt.id) === attempt;
          const registered = w.registry.instance("orders", `i${n % 4}`);
          if (what === "advance") w.runtime.clock.advance(n);
          else if (what === "cancel") running.cancel(MeshError.of("cancelled", "enough"));
          else if (what === "announce") w.announce(`i${n % 4}`);
          else if (what === "gone") w.announce(`i${n % 4}`, { phase: "gone" });
          else if (what === "drain") w.announce(`i${n % 4}`, { phase: "draining" });
          else if (what === "suspect" && registered !== undefined) w.registry.suspect(registered, now());
          else if (what === "disconnect") w.sender.failure = new BrokerDisconnected();
          else if (what === "connect") w.sender.failure = undefined;
          else if (what === "late") for (const old of w.sender.sent) w.reply(old, OK);
          else if (waits) {
            if (what === "ok") w.reply(attempt, OK);
            if (what === "nack") w.reply(attempt, NACK);
            if (what === "nobody") w.reply(attempt, NO_RESPONDERS);
            if (what === "handler") w.reply(attempt, errorReply(MeshError.of("handler", "x", { origin: "instance" })));
            if (what === "unseen")
              w.attempts.probeAnswered(attempt.instance, { running: [], done: [], unseen: [attempt.id] });
            if (what === "unheard") w.attempts.probeUnheard(attempt.instance, [attempt.id], now());
            if (what === "running")
              w.attempts.probeAnswered(attempt.instance, { running: [attempt.id], done: [], unseen: [] });
          }
          w.attempts.probeOld(now(), () => undefined);
          assert.ok(w.attempts.size <= 1, "one attempt at a time");
        }
        // Time ends every call.
        w.sender.failure = undefined;
        w.runtime.clock.advance(timeoutMs + 10);
        only(w.results);
        assert.equal(w.telemetry.attempts.length, exchange.attempts, "every attempt that began was told to have ended");
        if (!idempotent) {
          const mayHaveRun = w.telemetry.attempts.filter(({ reason }) => reason !== "not-started" && reason !== "");
          assert.ok(mayHaveRun.length <= 1, `a call that may not be repeated may have run ${mayHaveRun.length} times`);
        }
        assertClean(w);
      },
    ),
    { numRuns: 500 },
  );
});
