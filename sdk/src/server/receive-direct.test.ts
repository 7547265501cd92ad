// Calls that come past the routers: whose they are, whether they may run, and that nobody reaches another's.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { currentAmbient } from "../call/ambient.ts";
import { FramePool } from "../call/frames/frame-pool.ts";
import { errorOfReply } from "../call/respond.ts";
import {
  decodeProbeAnswer,
  directSubject,
  encodeHeaderBlock,
  header,
  type MeshDocument,
  type MeshError,
  PROBE_METHOD,
  type ProbeAnswer,
  parseHeaderBlock,
} from "../contract/index.ts";
import { PolicyFreshness, STALE_AFTER_MS } from "../discovery/policy-freshness.ts";
import { LivePolicy } from "../discovery/policy-holder.ts";
import { RouterDirectory } from "../discovery/router-directory.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { RecordedTelemetry } from "../testing/recorded-telemetry.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { DirectGate } from "./direct-gate.ts";
import { type Handler, jsonEndpoints } from "./endpoint.ts";
import { EndpointStats } from "./endpoint-stats.ts";
import { Receiver } from "./receive.ts";
import { MAX_BURNED_PER_CALLER } from "./running-calls.ts";

const EMPTY = new Uint8Array(0);

interface Answer {
  readonly subject: string;
  readonly error: MeshError | undefined;
  readonly payload: Uint8Array;
}

function document(kind: string, spec: object): MeshDocument {
  return { apiVersion: "malla.dev/v1", kind, metadata: { name: "orders" }, spec } as unknown as MeshDocument;
}

function world(handlers: Record<string, Handler> = {}, documents: readonly MeshDocument[] = []) {
  const server = new MemoryServer();
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  const policy = new LivePolicy();
  policy.swap(1, documents);
  const freshness = new PolicyFreshness(policy);
  const greetings: number[] = [];
  const receiver = new Receiver({
    broker: server.connect(),
    runtime,
    routers: new RouterDirectory(),
    service: "orders",
    instance: "i1",
    version: "1.0.0",
    maxInFlight: 100,
    pool: new FramePool(),
    gate: new DirectGate({ policy, freshness, runtime }),
    onGreeting: () => greetings.push(runtime.clock.nowMs()),
  });
  for (const endpoint of jsonEndpoints({ echo: (request: unknown) => request, ...handlers }))
    receiver.add(endpoint, new EndpointStats(endpoint.name));
  receiver.start();
  const caller = server.connect();
  const answers: Answer[] = [];
  caller.subscribe("_INBOX.>", ({ subject, headers, payload }) => {
    const block = headers.length === 0 ? { status: 0, fields: [] } : parseHeaderBlock(headers);
    assert.ok(typeof block !== "string", String(block));
    answers.push({ subject, error: errorOfReply(block, "instance"), payload });
  });
  const publish = (who: string, method: string, reply: string | undefined, fields: readonly string[] = []): void =>
    caller.publish(
      directSubject("orders", "i1", who, method),
      Buffer.from('"x"'),
      reply,
      fields.length === 0 ? undefined : encodeHeaderBlock(fields),
    );
  const send = async (who: string, id: string, method = "echo", fields: readonly string[] = []) => {
    const reply = `_INBOX.${who}.orders.conn.${id}`;
    publish(who, method, reply, fields);
    await server.settle();
    return answers.find(({ subject }) => subject === reply);
  };
  const probe = async (who: string, ...ids: readonly string[]): Promise<ProbeAnswer | undefined> =>
    decodeProbeAnswer(
      (await send(who, `probe-${answers.length}`, PROBE_METHOD, [header.probe, ids.join(",")]))?.payload ?? EMPTY,
    );
  const cancel = async (who: string, id: string): Promise<void> => {
    publish(who, "echo", undefined, [header.cancel, id]);
    await server.settle();
  };
  return { server, telemetry, runtime, freshness, receiver, greetings, answers, publish, send, probe, cancel };
}

test("a call runs for the caller its subject proves, and is answered in its inbox for this service", async () => {
  const seen: string[] = [];
  const w = world({ who: (_: unknown, { principal }) => void seen.push(principal) });
  const answer = await w.send("cart", "1", "who", ["Malla-Caller", "root"]);
  assert.equal(answer?.error, undefined);
  assert.deepEqual(seen, ["cart"]);
  assert.equal(w.telemetry.calls.at(-1)?.caller, "cart");
});

describe("an answer that would go to another is not given, and nothing runs", () => {
  for (const reply of [
    "_INBOX.web.orders.conn.1",
    "_INBOX.cart.billing.conn.1",
    "_INBOX.cart.conn.1",
    "_INBOX.cart.orders.conn",
    "_INBOX.cart.orders.conn.1.2",
    "_INBOX.cart.orders..1",
    "_INBOX.cart.orders.conn.$",
    "mesh.reply.router-a.orders.1",
    "mesh.call.orders.billing.pay",
  ]) {
    test(reply, async () => {
      const ran: unknown[] = [];
      const w = world({ run: (request: unknown) => void ran.push(request) });
      w.publish("cart", "run", reply);
      w.publish("cart", PROBE_METHOD, reply, [header.probe, "a"]);
      await w.server.settle();
      const refusal = { stage: "attempt-reply", reason: "bad-request" };
      assert.deepEqual([ran, w.answers, w.telemetry.rejections], [[], [], [refusal, refusal]]);
    });
  }
});

test("a probe without an answer's subject is nobody's", async () => {
  const w = world();
  w.publish("cart", PROBE_METHOD, undefined, [header.probe, "a"]);
  await w.server.settle();
  assert.deepEqual(w.telemetry.rejections, [{ stage: "attempt-reply", reason: "bad-request" }]);
});

test("a one-way call is judged and runs", async () => {
  const ran: unknown[] = [];
  const w = world({ run: (request: unknown) => void ran.push(request) }, [
    document("AccessPolicy", { service: "orders", action: "allow", rules: [{ principals: ["cart"] }] }),
  ]);
  w.publish("cart", "run", undefined);
  w.publish("web", "run", undefined);
  await w.server.settle();
  assert.deepEqual(ran, ["x"]);
  assert.deepEqual(w.telemetry.rejections, [{ stage: "authorize", reason: "denied" }]);
});

test("what access does not allow is denied before it is told whether the method is there", async () => {
  const w = world({}, [
    document("AccessPolicy", { service: "orders", action: "allow", rules: [{ principals: ["cart"] }] }),
  ]);
  assert.equal((await w.send("web", "1", "echo"))?.error?.reason, "denied");
  assert.equal((await w.send("web", "2", "nothing"))?.error?.reason, "denied");
  assert.equal((await w.send("cart", "3", "nothing"))?.error?.reason, "no-method");
  assert.equal((await w.send("cart", "4", "echo"))?.error, undefined);
});

test("a policy in audit mode refuses nothing and is told", async () => {
  const w = world({}, [
    document("AccessPolicy", { service: "orders", action: "allow", mode: "audit", rules: [{ principals: ["web"] }] }),
  ]);
  assert.equal((await w.send("cart", "1"))?.error, undefined);
  assert.deepEqual(
    w.telemetry.lines.map(({ level, facts }) => [level, facts["caller"], facts["rules"]]),
    [["info", "cart", ["orders"]]],
  );
});

test("without the policy in force nothing runs, and it may go elsewhere", async () => {
  const w = world();
  w.freshness.heard(2, w.runtime.clock.nowMs());
  w.runtime.clock.advance(STALE_AFTER_MS + 1);
  const { error } = (await w.send("cart", "1")) ?? assert.fail("no answer");
  assert.deepEqual([error?.reason, error?.origin], ["not-started", "instance"]);
});

test("a priority is worth what policy allows the caller", async () => {
  const seen: unknown[] = [];
  const w = world({ run: () => void seen.push(currentAmbient()?.priority) }, [
    document("ServicePolicy", { service: "orders", maxPriority: { critical: ["cart"] } }),
  ]);
  await w.send("cart", "1", "run", [header.priority, "critical"]);
  await w.send("web", "2", "run", [header.priority, "critical"]);
  assert.deepEqual(seen, ["critical", "default"]);
});

test("a call is cancelled and asked for by its own caller alone", async () => {
  const signals = new Map<string, AbortSignal>();
  const w = world({
    hold: async (_: unknown, { principal, signal }) => {
      signals.set(principal, signal);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  await w.send("cart", "same", "hold");
  await w.send("web", "same", "hold");
  assert.equal(signals.size, 2, "the same id of two callers is two calls");
  assert.deepEqual(await w.probe("evil", "same"), { running: [], done: [], unseen: ["same"] });
  await w.cancel("evil", "same");
  await w.cancel("web", "same");
  assert.deepEqual([signals.get("cart")?.aborted, signals.get("web")?.aborted], [false, true]);
  assert.deepEqual(await w.probe("cart", "same"), { running: ["same"], done: [], unseen: [] });
  assert.deepEqual((await w.probe("web", "same"))?.done, ["same"]);
});

test("what was declared unseen never runs, and each caller has a share of what is remembered of that", async () => {
  let runs = 0;
  const w = world({ run: () => void runs++ });
  await w.probe("cart", "late");
  for (let from = 0; from < MAX_BURNED_PER_CALLER * 2; from += 200)
    await w.probe("evil", ...Array.from({ length: 200 }, (_, i) => `e${from + i}`));
  await w.send("cart", "late", "run");
  await w.send("evil", "e0", "run");
  assert.equal(runs, 1, "his own oldest is forgotten, not another's");
});

test("who asks for nothing greets: he may not have heard of this instance", async () => {
  const w = world();
  await w.probe("cart", "a");
  assert.equal(w.greetings.length, 0);
  await w.probe("cart");
  assert.equal(w.greetings.length, 1);
});

test("a stamp is by this instance's own clock: what was long on its way never starts", async () => {
  const w = world();
  const now = w.runtime.clock.stampMs();
  const late = await w.send("cart", "1", "echo", [
    header.timeout,
    "1000",
    header.sent,
    String(Math.round(now - 1_500)),
  ]);
  assert.equal(late?.error?.reason, "deadline");
  const soon = await w.send("cart", "2", "echo", [header.timeout, "1000", header.sent, String(Math.round(now - 500))]);
  assert.equal(soon?.error, undefined);
});
