import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import type { BrokerMessage } from "../broker/broker.ts";
import { MAX_WHOLE_BYTES } from "../call/frames/frame-bounds.ts";
import { PROBE_TICK_MS } from "../call/waiting-table.ts";
import {
  CAPABILITY_DIRECT,
  CONTENT_TYPE_JSON,
  encodeHeaderBlock,
  encodeInstanceState,
  encodeProbeAnswer,
  header,
  headerValue,
  type InstanceState,
  instanceSubject,
  type MeshDocument,
  type MeshError,
  PROBE_METHOD,
  parseHeaderBlock,
} from "../contract/index.ts";
import { PolicyFreshness } from "../discovery/policy-freshness.ts";
import { LivePolicy } from "../discovery/policy-holder.ts";
import { instanceState } from "../testing/exchange-fixture.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { RecordedTelemetry } from "../testing/recorded-telemetry.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { DirectPath } from "./direct-path.ts";
import { OutgoingCalls } from "./outgoing-calls.ts";
import type { CallReply, OutgoingRequest, Settle } from "./outgoing-request.ts";
import { RECONNECT_GRACE_MS } from "./reconnect-grace.ts";
import { ServiceInboxes } from "./service-inboxes.ts";

const EMPTY = new Uint8Array(0);

beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
afterEach(() => mock.timers.reset());

interface Outcome {
  readonly error: MeshError | undefined;
  readonly reply: CallReply | undefined;
  readonly attempts: number;
  readonly version: string;
}

interface World {
  readonly documents?: readonly MeshDocument[];
  readonly services?: readonly string[];
}

async function world({ documents = [], services = ["orders"] }: World = {}) {
  const server = new MemoryServer({ maxPayloadBytes: 64 * 1024 });
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  const broker = server.connect();
  const policy = new LivePolicy();
  policy.loadEmpty();
  if (documents.length > 0) policy.swap(1, documents);
  const freshness = new PolicyFreshness(policy);
  const outgoing = new OutgoingCalls(10, 1e6);
  const routed: { request: OutgoingRequest; settle: Settle; given: MeshError[] }[] = [];
  const inboxes: ServiceInboxes = new ServiceInboxes(broker, runtime.clock, "cart", "conn", (...heard) =>
    path.take(...heard),
  );
  const path: DirectPath = new DirectPath({
    broker,
    runtime,
    principal: "cart",
    inboxes,
    frames: undefined,
    services,
    policy,
    freshness,
    outgoing,
    routed: (request, settle) => {
      const given: MeshError[] = [];
      routed.push({ request, settle, given });
      return { cancel: (error) => void given.push(error) };
    },
  });
  path.start();
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= PROBE_TICK_MS) {
      const step = Math.min(left, PROBE_TICK_MS);
      runtime.clock.advance(step);
      mock.timers.tick(step);
      await server.settle();
    }
  };
  const instance = async (id: string, more: Partial<InstanceState> = {}, service = "orders") => {
    const own = server.connect();
    const requests: BrokerMessage[] = [];
    const probes: string[] = [];
    const cancels: string[] = [];
    const known = {
      own,
      requests,
      probes,
      cancels,
      answer: undefined as ((message: BrokerMessage) => void) | undefined,
      reply: ({ reply }: BrokerMessage, payload = "ok", fields: readonly string[] = []): void =>
        own.publish(reply, Buffer.from(payload), undefined, encodeHeaderBlock(fields)),
      announce: (again: Partial<InstanceState> = {}): void =>
        own.publish(
          instanceSubject(service, id),
          encodeInstanceState(instanceState({ capabilities: [CAPABILITY_DIRECT], ...more, ...again })),
        ),
    };
    own.subscribe(`mesh.direct.${service}.${id}.*.*`, (message) => {
      const cancelled = headerOf(message, header.cancel);
      if (message.subject.endsWith(PROBE_METHOD)) {
        const ids = (headerOf(message, header.probe) ?? "").split(",").filter((one) => one !== "");
        probes.push(...ids);
        own.publish(message.reply, encodeProbeAnswer({ running: ids, done: [], unseen: [] }));
      } else if (cancelled !== undefined) cancels.push(cancelled);
      else {
        requests.push(message);
        known.answer?.(message);
      }
    });
    known.announce();
    await server.settle();
    return known;
  };
  const call = (more: Partial<OutgoingRequest> = {}) => {
    const outcomes: Outcome[] = [];
    const request: OutgoingRequest = {
      service: "orders",
      method: "place",
      payload: EMPTY,
      fields: [header.contentType, CONTENT_TYPE_JSON],
      deadlineAtMs: runtime.clock.nowMs() + 10_000,
      repeatable: false,
      needsRouter: false,
      span: undefined,
      trace: undefined,
      ...more,
    };
    const running = path.call(request, (error, reply, attempts, version) =>
      outcomes.push({ error, reply, attempts, version }),
    );
    assert.equal(outcomes.length, 0, "settled before `call` returned");
    return { outcomes, running };
  };
  return { server, telemetry, runtime, broker, policy, freshness, outgoing, routed, path, pass, instance, call };
}

function headerOf({ headers }: BrokerMessage, name: string): string | undefined {
  const block = parseHeaderBlock(headers);
  assert.ok(typeof block !== "string", String(block));
  return headerValue(block, name);
}

function only(outcomes: readonly Outcome[]): Outcome {
  assert.equal(outcomes.length, 1, `settled ${outcomes.length} times`);
  return outcomes[0] as Outcome;
}

function access(principal: string): MeshDocument {
  return {
    apiVersion: "malla.dev/v1",
    kind: "AccessPolicy",
    metadata: { name: "orders" },
    spec: { service: "orders", action: "allow", rules: [{ principals: [principal] }] },
  } as unknown as MeshDocument;
}

test("a call goes to its instance and its reply comes back in the service's own inbox", async () => {
  const w = await world();
  const a = await w.instance("a", { version: "2.1.0" });
  const { outcomes } = w.call({ payload: Buffer.from("{}"), deadlineAtMs: w.runtime.clock.nowMs() + 700 });
  await w.server.settle();
  const [request] = a.requests;
  assert.ok(request);
  assert.equal(request.subject, "mesh.direct.orders.a.cart.place");
  assert.match(request.reply, /^_INBOX\.cart\.orders\.conn\.[\w-]{16}$/);
  assert.deepEqual(
    [header.timeout, header.attempt, header.contentType].map((name) => headerOf(request, name)),
    ["700", "1", "application/json"],
  );
  a.reply(request, "done");
  await w.server.settle();
  const { error, reply, attempts, version } = only(outcomes);
  assert.deepEqual([error, Buffer.from(reply?.payload ?? EMPTY).toString()], [undefined, "done"]);
  assert.deepEqual([attempts, version, w.outgoing.count, w.routed.length], [1, "2.1.0", 0, 0]);
});

test("it is stamped by the instance's own clock", async () => {
  const w = await world();
  const a = await w.instance("a", { sentAtMs: w.runtime.clock.stampMs() + 5_000 });
  w.call();
  await w.server.settle();
  const stamp = Number(headerOf(a.requests[0] as BrokerMessage, header.sent));
  assert.ok(Math.abs(stamp - (w.runtime.clock.stampMs() + 5_000)) <= 1, String(stamp));
});

describe("goes routed, without being sent", () => {
  const cases: Readonly<
    Record<string, (w: Awaited<ReturnType<typeof world>>) => Partial<OutgoingRequest> | undefined>
  > = {
    "what needs a router": () => ({ needsRouter: true }),
    "a large request": () => ({ payload: new Uint8Array(MAX_WHOLE_BYTES + 1) }),
    "a service the credentials do not name": () => ({ service: "payments" }),
    "a method nobody has announced": () => ({ method: "unheard" }),
    "a header a router would refuse": () => ({ fields: [header.key, "x".repeat(1_000)] }),
    "everything, without a connection": (w) => {
      w.broker.disconnect();
      return {};
    },
    "everything, once a router has been ahead in policy for two seconds": (w) => {
      w.freshness.heard(7, w.runtime.clock.nowMs());
      w.runtime.clock.advance(2_001);
      return {};
    },
  };
  for (const [name, prepare] of Object.entries(cases)) {
    test(name, async () => {
      const w = await world();
      const a = await w.instance("a");
      const { running } = w.call(prepare(w));
      await w.server.settle();
      assert.deepEqual([running, a.requests.length, w.outgoing.count], [undefined, 0, 0]);
    });
  }

  test("a service that nobody serves directly, or no longer", async () => {
    const w = await world();
    assert.equal(w.call().running, undefined);
    const old = await w.instance("old", { capabilities: [] });
    assert.equal(w.call().running, undefined);
    old.announce({ capabilities: [CAPABILITY_DIRECT] });
    await w.server.settle();
    assert.equal(w.path.instancesOf("orders"), 1);
    old.announce({ phase: "draining" });
    await w.server.settle();
    assert.equal(w.call().running, undefined);
  });

  test("a service whose policy forbids it, and a Route that leads to one the credentials do not name", async () => {
    const service = { apiVersion: "malla.dev/v1", kind: "ServicePolicy", metadata: { name: "orders" } };
    const forbidden = { ...service, spec: { service: "orders", direct: false } } as unknown as MeshDocument;
    const away = {
      apiVersion: "malla.dev/v1",
      kind: "Route",
      metadata: { name: "away" },
      spec: { match: { service: "orders" }, destinations: [{ weight: 1 }, { service: "payments", weight: 0 }] },
    } as unknown as MeshDocument;
    for (const document of [forbidden, away]) {
      const w = await world({ documents: [document] });
      await w.instance("a");
      assert.equal(w.call().running, undefined);
    }
  });
});

test("what policy denies is told at once, counted, and never sent", async () => {
  const w = await world({ documents: [access("web")] });
  const a = await w.instance("a");
  const { outcomes } = w.call();
  await w.server.settle();
  const { error, attempts } = only(outcomes);
  assert.deepEqual([error?.reason, error?.origin, attempts, a.requests.length], ["denied", "sdk", 0, 0]);
  assert.deepEqual(w.telemetry.rejections, [{ stage: "authorize", reason: "denied" }]);
});

test("one call too many is refused by the connection itself", async () => {
  const w = await world();
  await w.instance("a");
  for (let i = 0; i < 10; i++) w.call();
  const { outcomes } = w.call();
  await w.server.settle();
  assert.deepEqual([only(outcomes).error?.reason, only(outcomes).error?.origin], ["overloaded", "sdk"]);
});

test("what nobody takes any more goes elsewhere, and with nobody left through a router, whose answer is the call's", async () => {
  const w = await world();
  const a = await w.instance("a");
  await a.own.close();
  const { outcomes, running } = w.call();
  await w.pass(100);
  assert.equal(outcomes.length, 0);
  assert.equal(w.routed.length, 1);
  assert.equal(w.outgoing.count, 0, "a router's path counts it anew");
  running?.cancel({ reason: "cancelled" } as MeshError);
  assert.equal(w.routed[0]?.given.length, 1, "giving up reaches whoever carries the call now");
  w.routed[0]?.settle(undefined, { headers: { status: 0, fields: [] }, payload: Buffer.from("routed") }, 2, "1.0.0");
  assert.equal(only(outcomes).attempts, 2);
});

test("an error of the instance is the call's, with the attempts that were made; the mesh's own say `sdk`", async () => {
  const w = await world();
  const a = await w.instance("a");
  a.answer = (message) => a.reply(message, "", [header.status, "NOT_FOUND", header.serviceError, "no such order"]);
  const known = w.call();
  await w.server.settle();
  const { error } = only(known.outcomes);
  assert.deepEqual(
    [error?.status, error?.reason, error?.origin, error?.attempts, error?.message],
    ["NOT_FOUND", "application", "instance", 1, "no such order"],
  );
  a.answer = undefined;
  const late = w.call({ deadlineAtMs: w.runtime.clock.nowMs() + 50 });
  await w.pass(100);
  assert.deepEqual([only(late.outcomes).error?.reason, only(late.outcomes).error?.origin], ["deadline", "sdk"]);
});

test("giving up tells the instance", async () => {
  const w = await world();
  const a = await w.instance("a");
  const { outcomes, running } = w.call();
  await w.server.settle();
  running?.cancel({ status: "CANCELLED", reason: "cancelled", message: "m", origin: "sdk" } as MeshError);
  await w.server.settle();
  assert.equal(only(outcomes).error?.reason, "cancelled");
  assert.deepEqual(a.cancels, [(a.requests[0]?.reply ?? "").split(".").at(-1)]);
});

test("what waits is probed, and after a connection that was lost is asked for at once", async () => {
  const w = await world();
  const a = await w.instance("a");
  const { outcomes } = w.call();
  await w.pass(500);
  const id = (a.requests[0]?.reply ?? "").split(".").at(-1);
  assert.ok(a.probes.length >= 1 && a.probes.every((one) => one === id));
  const before = a.probes.length;
  w.broker.disconnect();
  w.broker.reconnect();
  await w.server.settle();
  assert.equal(a.probes.length, before + 1);
  a.reply(a.requests[0] as BrokerMessage);
  await w.server.settle();
  assert.equal(only(outcomes).error, undefined);
});

test("a connection that is not back within a moment, and one that is closed, end what runs as gone", async () => {
  const w = await world();
  await w.instance("a");
  const first = w.call();
  w.broker.disconnect();
  await w.pass(RECONNECT_GRACE_MS + 10);
  assert.equal(only(first.outcomes).error?.reason, "gone");
  w.broker.reconnect();
  await w.server.settle();
  const second = w.call();
  w.path.stop();
  await w.server.settle();
  assert.equal(only(second.outcomes).error?.reason, "gone");
  assert.equal(w.outgoing.count, 0);
});

test("instances a router names are greeted, of the targets alone, and believed when they say so themselves", async () => {
  const w = await world({ services: ["orders", "billing"] });
  const greeted: string[] = [];
  w.server.connect().subscribe("mesh.direct.>", ({ subject }) => greeted.push(subject));
  const id = (name: unknown): object => ({ id: name, version: "1.0.0" });
  w.path.greet({
    services: { orders: [id("i1"), id("not an id"), id(7), null], payments: [id("p1")], billing: "none" },
  });
  for (const nonsense of [undefined, null, 7, "text", {}, { services: null }]) w.path.greet(nonsense);
  await w.server.settle();
  assert.deepEqual(greeted, ["mesh.direct.orders.i1.cart._probe"]);
  assert.equal(w.path.instancesOf("orders"), 0);
});
