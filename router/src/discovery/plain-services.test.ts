import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { BrokerMessage } from "@malla/sdk/broker";
import type { ServicePolicyDocument } from "@malla/sdk/contract";
import { parseReplySubject } from "@malla/sdk/contract";
import { LivePolicy, Registry } from "@malla/sdk/discovery";
import { createTestRuntime, instanceState, type MemoryBroker, MemoryServer } from "@malla/sdk/testing";
import { MAX_HINTED, PLAIN_INSTANCE, PlainServices } from "./plain-services.ts";

const EMPTY = new Uint8Array(0);

beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
afterEach(() => mock.timers.reset());

interface World {
  readonly server: MemoryServer;
  readonly registry: Registry;
  readonly policy: LivePolicy;
  readonly plain: PlainServices;
  readonly broker: MemoryBroker;
  readonly asked: string[];
  methods(service: string): string[] | undefined;
  pass(ms: number): Promise<void>;
}

function world(): World {
  const server = new MemoryServer();
  const runtime = createTestRuntime();
  const broker = server.connect();
  const registry = new Registry();
  const policy = new LivePolicy();
  const plain = new PlainServices({ broker, runtime, router: "router-a", registry, policy });
  const asked: string[] = [];
  broker.subscribe("mesh.reply.router-a.*.*", (message) => {
    const subject = parseReplySubject(message.subject);
    if (subject !== undefined) plain.onReply(message, subject.service, subject.id);
  });
  server.connect().subscribe("$SRV.>", ({ subject }) => asked.push(subject));
  return {
    server,
    registry,
    policy,
    plain,
    broker,
    asked,
    methods: (service) => {
      const instance = registry.instance(service, PLAIN_INSTANCE);
      return instance === undefined ? undefined : [...instance.methods];
    },
    pass: async (ms) => {
      runtime.clock.advance(ms);
      mock.timers.tick(ms);
      await server.settle();
      await server.settle();
    },
  };
}

/** A NATS micro service as any library makes one. */
function micro(server: MemoryServer, name: string, endpoints: unknown, info: object = {}): MemoryBroker {
  const broker = server.connect();
  const answer = (body: object) => (message: BrokerMessage) => {
    if (message.reply !== "") broker.publish(message.reply, Buffer.from(JSON.stringify(body)));
  };
  broker.subscribe("$SRV.PING", answer({ type: "io.nats.micro.v1.ping_response", name, id: "x", version: "2.0.1" }));
  broker.subscribe(
    `$SRV.INFO.${name}`,
    answer({ type: "io.nats.micro.v1.info_response", name, id: "x", version: "2.0.1", endpoints, ...info }),
  );
  return broker;
}

test("a service that answers on mesh.serve is found by what it says of itself", async () => {
  const w = world();
  micro(w.server, "legacy", [
    { name: "list", subject: "mesh.serve.legacy.list" },
    { name: "get", subject: "mesh.serve.legacy.get" },
    { name: "other", subject: "legacy.other" },
    { name: "bad", subject: "mesh.serve.legacy.a.b" },
    { name: "foreign", subject: "mesh.serve.payments.charge" },
    { subject: 7 },
    null,
  ]);
  w.plain.start();
  await w.pass(0);
  assert.deepEqual(w.methods("legacy"), ["list", "get"]);
  assert.deepEqual(
    [w.registry.instance("legacy", PLAIN_INSTANCE)?.kind, w.registry.instance("legacy", PLAIN_INSTANCE)?.version],
    ["plain", "2.0.1"],
  );
});

test("a broadcast is only a hint: nobody is believed who says it is another", async () => {
  const w = world();
  // Answers the broadcast as payments, and the question to payments in its own name.
  const liar = micro(w.server, "payments", [{ name: "charge", subject: "mesh.serve.payments.charge" }], {
    name: "legacy",
  });
  liar.subscribe("$SRV.PING", (message) => liar.publish(message.reply, Buffer.from('{"name":"*"}')));
  w.plain.start();
  await w.pass(0);
  assert.equal(w.methods("payments"), undefined);
  assert.equal(w.registry.service("*"), undefined);
});

test("services of our own SDK are not asked", async () => {
  const w = world();
  micro(w.server, "orders", [{ name: "place", subject: "mesh.run.orders.i1.*.place" }]);
  w.registry.announce("sdk", "orders", "i1", instanceState(), 0);
  w.plain.start();
  await w.pass(0);
  assert.ok(!w.asked.includes("$SRV.INFO.orders"));
});

test("nonsense is survived", async () => {
  const w = world();
  const broker = w.server.connect();
  const bodies = [
    "",
    "x",
    "null",
    "7",
    "[]",
    "{}",
    '{"name":7}',
    '{"name":"legacy","endpoints":{}}',
    "x".repeat(300 * 1024),
  ];
  for (const body of bodies) {
    broker.subscribe("$SRV.PING", ({ reply }) => broker.publish(reply, Buffer.from(body)));
    broker.subscribe("$SRV.INFO.legacy", ({ reply }) => broker.publish(reply, Buffer.from(body)));
  }
  broker.subscribe("$SRV.PING", ({ reply }) => broker.publish(reply, Buffer.from('{"name":"legacy"}')));
  w.plain.start();
  await w.pass(0);
  await w.pass(5_000);
  assert.equal(w.methods("legacy"), undefined);
});

test("a flood of invented names ends, makes room again, and hides nobody for long", async () => {
  const w = world();
  const liar = w.server.connect();
  liar.subscribe("$SRV.PING", ({ reply }) => {
    for (let i = 0; i < MAX_HINTED * 3; i++) liar.publish(reply, Buffer.from(`{"name":"made-up-${i}"}`));
  });
  micro(w.server, "legacy", [{ name: "list", subject: "mesh.serve.legacy.list" }]);
  w.plain.start();
  await w.pass(0);
  const asked = w.asked.filter((subject) => subject.startsWith("$SRV.INFO.made-up")).length;
  assert.ok(asked < MAX_HINTED * 3, String(asked));
  for (let round = 0; round < 40 && w.methods("legacy") === undefined; round++) await w.pass(5_000);
  assert.deepEqual(w.methods("legacy"), ["list"]);
});

test("who is known is asked every five seconds, and found later too", async () => {
  const w = world();
  w.plain.start();
  await w.pass(5_000);
  micro(w.server, "legacy", [{ name: "list", subject: "mesh.serve.legacy.list" }]);
  await w.pass(5_000);
  assert.deepEqual(w.methods("legacy"), ["list"]);
  w.asked.length = 0;
  await w.pass(5_000);
  assert.deepEqual(w.asked.filter((subject) => subject === "$SRV.INFO.legacy").length, 1);
  w.plain.stop();
  w.asked.length = 0;
  await w.pass(20_000);
  assert.deepEqual(w.asked, []);
});

test("a policy names those that have no $SRV", async () => {
  const w = world();
  const document: ServicePolicyDocument = {
    apiVersion: "malla.dev/v1",
    kind: "ServicePolicy",
    metadata: { name: "p" },
    spec: { service: "bare", plainMethods: ["list"] },
  };
  await w.policy.swap(1, [document]);
  w.plain.start();
  assert.deepEqual(w.methods("bare"), ["list"]);
});

test("a service that calls wait for is asked at once, but not for every call", async () => {
  const w = world();
  w.plain.start();
  await w.pass(0);
  w.asked.length = 0;
  for (let i = 0; i < 100; i++) w.plain.wanted("legacy");
  await w.pass(0);
  assert.equal(w.asked.length, 1);
  await w.pass(250);
  w.plain.wanted("legacy");
  await w.pass(0);
  assert.equal(w.asked.length, 2);
});

test("while the connection is down nobody is asked and nothing is thrown", async () => {
  const w = world();
  w.plain.start();
  w.broker.disconnect();
  w.plain.wanted("legacy");
  await w.pass(20_000);
});

test("other replies are not its business", () => {
  const w = world();
  const message = { subject: "mesh.reply.router-a.orders.abc", reply: "", headers: EMPTY, payload: EMPTY };
  assert.equal(w.plain.onReply(message, "orders", "abc"), false);
  assert.equal(w.plain.onReply(message, "orders", "info-abc"), true);
});
