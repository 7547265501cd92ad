// Hostile direct callers, who need no router, and hostile services a direct caller listens to.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { type CallContext, type Mesh, MeshError } from "@malla/sdk";
import type { BrokerMessage, NatsBroker } from "@malla/sdk/broker";
import {
  CAPABILITY_DIRECT,
  decodeProbeAnswer,
  directSubject,
  encodeHeaderBlock,
  encodeInstanceState,
  encodeRouterState,
  header,
  headerValue,
  instanceSubject,
  PROBE_METHOD,
  type ProbeAnswer,
  parseHeaderBlock,
  routerSubject,
} from "@malla/sdk/contract";
import { RecordedTelemetry } from "@malla/sdk/testing";
import { eventually, rejection } from "../harness/index.ts";
import { BesiegedMesh } from "./besieged-mesh.ts";
import { announcement } from "./hostile-instance.ts";

const EMPTY = new Uint8Array(0);
const JSON_BODY = Buffer.from("{}");

let besieged: BesiegedMesh;
let payments: Mesh;
let mallory: NatsBroker;
const telemetry = new RecordedTelemetry();
const ran: string[] = [];
const running = new Map<string, AbortSignal>();

before(async () => {
  besieged = await BesiegedMesh.start();
  const handlers = {
    charge: (_: unknown, { principal }: CallContext) => {
      ran.push(principal);
      return "charged";
    },
    hold: async ({ id }: { id: string }, { signal }: CallContext) => {
      running.set(id, signal);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  };
  payments = await besieged.mesh.service("payments", handlers, { telemetry });
  mallory = await besieged.mesh.raw("mallory", "direct", undefined, ["payments"]);
  await eventually(() => assert.ok(payments.knowsPolicy));
});

afterEach(() => {
  ran.length = 0;
  telemetry.rejections.length = 0;
  telemetry.lines.length = 0;
});

after(async () => {
  await besieged?.stop();
});

const subjectOf = (method: string, who = "mallory"): string =>
  directSubject("payments", payments.instance, who, method);

/** What the instance answers to one raw message on its direct subject. */
async function answerTo(
  client: NatsBroker,
  who: string,
  method: string,
  fields: readonly string[] = [],
  payload: Uint8Array = JSON_BODY,
): Promise<BrokerMessage> {
  const reply = `_INBOX.${who}.payments.conn.${crypto.randomUUID()}`;
  return await new Promise((resolve) => {
    const subscription = client.subscribe(reply, (message) => {
      subscription.unsubscribe();
      resolve(message);
    });
    client.publish(subjectOf(method, who), payload, reply, encodeHeaderBlock(fields));
  });
}

function reasonOf({ headers }: BrokerMessage): string | undefined {
  const block = parseHeaderBlock(headers);
  return typeof block === "string" ? block : headerValue(block, header.reason);
}

async function inForce(revision: number): Promise<void> {
  await eventually(() => assert.equal(payments.policyRevision, revision));
}

test("a direct call that access does not allow is denied by the instance, answered, counted and told once", async () => {
  const head = await besieged.mesh.apply(`
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: payments-callers }
spec: { service: payments, action: allow, rules: [{ principals: [cart] }] }
`);
  await inForce(head.revision);
  await besieged.underAttack(async () => {
    assert.equal(reasonOf(await answerTo(mallory, "mallory", "charge")), "denied");
    // Headers say nothing about who calls, and a method that is not there looks the same.
    assert.equal(reasonOf(await answerTo(mallory, "mallory", "charge", ["Malla-Caller", "cart"])), "denied");
    assert.equal(reasonOf(await answerTo(mallory, "mallory", "secret")), "denied");
  });
  assert.deepEqual(ran, []);
  assert.deepEqual(telemetry.rejections, new Array(3).fill({ stage: "authorize", reason: "denied" }));
  const told = telemetry.lines.filter(({ facts }) => facts["stage"] === "authorize");
  assert.deepEqual(
    told.map(({ facts }) => [facts["principal"], facts["service"], facts["method"]]),
    [
      ["mallory", "payments", "charge"],
      ["mallory", "payments", "charge"],
      ["mallory", "payments", "secret"],
    ],
  );
  await inForce((await besieged.mesh.remove("AccessPolicy/payments-callers")).revision);
  assert.equal(reasonOf(await answerTo(mallory, "mallory", "charge")), undefined);
  assert.deepEqual(ran, ["mallory"]);
});

test("a service that takes no direct calls by its policy says so and runs none", async () => {
  const head = await besieged.mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: payments }
spec: { service: payments, direct: false }
`);
  await inForce(head.revision);
  const answer = await answerTo(mallory, "mallory", "charge");
  assert.equal(reasonOf(answer), "denied");
  const block = parseHeaderBlock(answer.headers);
  assert.match((typeof block === "string" ? "" : headerValue(block, header.serviceError)) ?? "", /send it through one/);
  assert.deepEqual(ran, []);
  await inForce((await besieged.mesh.remove("ServicePolicy/payments")).revision);
});

test("a direct call whose answer would go to another, or in another service's name, is dropped unanswered", async () => {
  const replies = [
    "_INBOX.patron.payments.conn.1",
    "_INBOX.mallory.greeter.conn.1",
    "_INBOX.mallory.conn.1",
    "_INBOX.mallory.payments.conn.1.2",
    "_INBOX.mallory.payments.conn.$",
    "_INBOX.malloryx.payments.conn.1",
    `mesh.reply.${besieged.mesh.routers[0]?.id}.payments.1`,
    "mesh.call.payments.greeter.greet",
    "mesh.instance.payments.i1",
  ];
  const heard: string[] = [];
  mallory.subscribe("_INBOX.mallory.>", ({ subject }) => heard.push(subject));
  await besieged.underAttack(async () => {
    for (const reply of replies) {
      mallory.publish(subjectOf("charge"), JSON_BODY, reply);
      mallory.publish(subjectOf(PROBE_METHOD), EMPTY, reply, encodeHeaderBlock([header.probe, "a"]));
    }
    await eventually(() => assert.equal(telemetry.rejections.length, replies.length * 2));
  });
  assert.deepEqual(
    telemetry.rejections,
    new Array(replies.length * 2).fill({ stage: "attempt-reply", reason: "bad-request" }),
  );
  assert.deepEqual([ran, heard], [[], []]);
});

test("a direct caller cancels and probes his own calls alone, and forgets his own burned ids", async () => {
  const honest = await besieged.mesh.raw("shopper", "direct", undefined, ["payments"]);
  const probe = async (client: NatsBroker, who: string, ids: string): Promise<ProbeAnswer | undefined> =>
    decodeProbeAnswer((await answerTo(client, who, PROBE_METHOD, [header.probe, ids], EMPTY)).payload);
  honest.publish(subjectOf("hold", "shopper"), Buffer.from('{"id":"h"}'), "_INBOX.shopper.payments.conn.known-id");
  await eventually(() => assert.ok(running.has("h")));
  await besieged.underAttack(async () => {
    mallory.publish(subjectOf("hold"), EMPTY, undefined, encodeHeaderBlock([header.cancel, "known-id"]));
    assert.deepEqual(await probe(mallory, "mallory", "known-id"), { running: [], done: [], unseen: ["known-id"] });
    // Ids by the thousand, so that what others have burned would be forgotten.
    assert.deepEqual((await probe(honest, "shopper", "burned"))?.unseen, ["burned"]);
    for (let from = 0; from < 30_000; from += 200) {
      const ids = Array.from({ length: 200 }, (_, i) => `m${from + i}`).join(",");
      await probe(mallory, "mallory", ids);
    }
  });
  assert.deepEqual((await probe(honest, "shopper", "known-id"))?.running, ["known-id"]);
  assert.equal(running.get("h")?.aborted, false);
  const seen = running.size;
  honest.publish(subjectOf("hold", "shopper"), Buffer.from('{"id":"late"}'), "_INBOX.shopper.payments.conn.burned");
  honest.publish(subjectOf("hold", "shopper"), EMPTY, undefined, encodeHeaderBlock([header.cancel, "known-id"]));
  await eventually(() => assert.equal(running.get("h")?.aborted, true));
  assert.equal(running.size, seen, "what was declared unseen ran after all");
});

test("a reply to a direct call counts only from the service that was called", async () => {
  const { client: evil } = await besieged.hostile("evil", "service");
  const { client: victim } = await besieged.hostile("victim", "service");
  const own = new RecordedTelemetry();
  const buyer = await besieged.mesh.caller("buyer", { directTo: ["evil", "victim"], telemetry: own });
  const serve = async (client: NatsBroker, name: string, answer: (request: BrokerMessage) => void): Promise<void> => {
    client.subscribe(`mesh.direct.${name}.i1.*.*`, answer);
    await client.flush();
    client.publish(
      instanceSubject(name, "i1"),
      encodeInstanceState(announcement({ capabilities: [CAPABILITY_DIRECT] })),
    );
  };
  let open: BrokerMessage | undefined;
  await serve(evil, "evil", (request) => {
    open = request;
  });
  await serve(victim, "victim", ({ reply }) => {
    // Even with the attempt's subject, which nobody tells it, the other may publish in its own name only.
    const [, principal, , connection, id] = reply.split(".");
    evil.publish(`_INBOX.${principal}.evil.${connection}.${id}`, Buffer.from('"forged"'));
    evil.publish(reply, Buffer.from('"forged"'));
    void evil.flush().then(() => victim.publish(reply, Buffer.from('"true"')));
  });
  await eventually(() => {
    assert.deepEqual([buyer.directInstances("evil"), buyer.directInstances("victim")], [1, 1]);
    assert.ok(buyer.knowsPolicy);
  });
  // A call that is open, so that the buyer listens to it at all.
  const opened = rejection(buyer.call("evil", "work", {}, { timeoutMs: 3_000 }));
  await eventually(() => assert.ok(open));
  await besieged.underAttack(async () => assert.equal(await buyer.call("victim", "work", {}), "true"));
  assert.deepEqual(own.rejections, [{ stage: "reply", reason: "bad-request" }]);
  assert.ok((await opened) instanceof MeshError);
  await besieged.mesh.leave(buyer);
});

test("who floods a direct caller's inbox that no call needs reaches nobody", async () => {
  const FLOOD = 20_000;
  const { mesh } = besieged;
  const { client } = await besieged.hostile("flooder", "service");
  const { client: teller } = await besieged.hostile("teller", "service");
  const victim = await mesh.caller("sitter", { directTo: ["flooder", "teller"] });
  // One that is called learns the name of the connection, and tells the other.
  let connection = "";
  teller.subscribe("mesh.direct.teller.i1.*.*", ({ reply }) => {
    connection = reply.split(".")[3] ?? "";
    teller.publish(reply, Buffer.from('"told"'));
  });
  await teller.flush();
  const state = announcement({ capabilities: [CAPABILITY_DIRECT] });
  teller.publish(instanceSubject("teller", "i1"), encodeInstanceState(state));
  await eventually(() => assert.ok(victim.knowsPolicy && victim.directInstances("teller") === 1));
  assert.equal(await victim.call("teller", "work", {}), "told");
  const name = `sitter/${victim.instance}`;
  const before = await mesh.broker.delivered(name);
  await besieged.underAttack(async () => {
    for (let n = 0; n < FLOOD; n++) client.publish(`_INBOX.sitter.flooder.${connection}.${n}`, EMPTY);
    await client.flush();
    assert.equal(await victim.call("teller", "work", {}), "told");
  });
  const delivered = (await mesh.broker.delivered(name)) - before;
  assert.ok(delivered < FLOOD / 100, `${delivered} messages were delivered`);
  await mesh.leave(victim);
});

test("an instance that does not know which policy is in force runs no direct call", async () => {
  // A router that enforces what this instance has not heard of: whatever is forbidden since, it cannot know.
  const ahead = await besieged.mesh.raw("router-ahead", "router");
  const state = {
    protocol: 1,
    version: "1",
    load: { inFlight: 0, queued: 0, loopLagMs: 0 },
    maxInFlight: 0,
    draining: true,
    policyRevision: 1_000,
    sentAtMs: 0,
    capabilities: [],
  };
  ahead.publish(routerSubject("router-ahead"), encodeRouterState(state));
  await eventually(() => assert.equal(payments.knowsPolicy, false));
  await besieged.underAttack(async () => {
    const answer = await answerTo(mallory, "mallory", "charge");
    assert.equal(reasonOf(answer), "not-started");
  });
  assert.deepEqual(ran, []);
});
