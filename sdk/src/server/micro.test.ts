import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { MeshError } from "../contract/index.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { EndpointStats } from "./endpoint-stats.ts";
import { type MicroFacts, MicroResponder, microAnswer } from "./micro.ts";

function facts(stats = new EndpointStats("place")): MicroFacts {
  return {
    name: "orders",
    id: "i1",
    version: "1.2.3",
    description: "takes orders",
    metadata: { zone: "a" },
    startedAt: "2030-01-01T00:00:00.000Z",
    endpoints: [{ name: "place", subject: "mesh.run.orders.i1.*.place", metadata: { idempotent: "false" }, stats }],
  };
}

test("the three answers have the fields of the published schemas", () => {
  const stats = new EndpointStats("place");
  stats.ended(1.5, undefined);
  stats.ended(2.5, new MeshError({ status: "NOT_FOUND", message: "no" }));
  const head = { name: "orders", id: "i1", version: "1.2.3", metadata: { zone: "a" } };
  assert.deepEqual(microAnswer("PING", facts()), { type: "io.nats.micro.v1.ping_response", ...head });
  assert.deepEqual(microAnswer("INFO", facts()), {
    type: "io.nats.micro.v1.info_response",
    ...head,
    description: "takes orders",
    endpoints: [
      { name: "place", subject: "mesh.run.orders.i1.*.place", queue_group: "i1", metadata: { idempotent: "false" } },
    ],
  });
  assert.deepEqual(microAnswer("STATS", facts(stats)), {
    type: "io.nats.micro.v1.stats_response",
    ...head,
    started: "2030-01-01T00:00:00.000Z",
    endpoints: [
      {
        name: "place",
        subject: "mesh.run.orders.i1.*.place",
        queue_group: "i1",
        num_requests: 2,
        num_errors: 1,
        last_error: "404:no",
        processing_time: 4_000_000,
        average_processing_time: 2_000_000,
      },
    ],
  });
});

describe("answers go only where such answers belong", () => {
  const CASES: readonly { reply: string; want: number }[] = [
    { reply: "_INBOX.srv.x", want: 1 },
    { reply: "mesh.reply.router-a.orders.info-1", want: 1 },
    { reply: "mesh.reply.router-a.payments.info-1", want: 0 },
    { reply: "_INBOX.cart.x", want: 0 },
    { reply: "_INBOX.srvx.x", want: 0 },
    { reply: "_INBOX.srv.>", want: 0 },
    { reply: "_INBOX.srv..x", want: 0 },
    { reply: "_INBOX.srv.", want: 0 },
    { reply: "mesh.run.orders.i1.cart.place", want: 0 },
    { reply: "", want: 0 },
  ];
  for (const { reply, want } of CASES) {
    test(`${JSON.stringify(reply)}: ${want}`, async () => {
      const server = new MemoryServer();
      const [instance, asker] = [server.connect(), server.connect()];
      const answers: unknown[] = [];
      asker.subscribe(">", ({ payload, subject }) => {
        if (!subject.startsWith("$SRV") && payload.length > 0)
          answers.push(JSON.parse(Buffer.from(payload).toString()));
      });
      new MicroResponder(instance, createTestRuntime().refusals, () => facts()).start();
      asker.publish("$SRV.PING.orders", new Uint8Array(0), reply);
      await server.settle();
      assert.equal(answers.length, want);
    });
  }
});

test("it hears the nine exact subjects and no other, until it is stopped", async () => {
  const server = new MemoryServer();
  const [instance, asker] = [server.connect(), server.connect()];
  const types: string[] = [];
  asker.subscribe("_INBOX.srv.>", ({ payload }) =>
    types.push((JSON.parse(Buffer.from(payload).toString()) as { type: string }).type.split(".").at(-1) ?? ""),
  );
  const responder = new MicroResponder(instance, createTestRuntime().refusals, () => facts());
  responder.start();
  const ask = async (): Promise<string[]> => {
    types.length = 0;
    for (const verb of ["PING", "INFO", "STATS", "SCHEMA"])
      for (const who of ["", ".orders", ".orders.i1", ".payments", ".orders.i2"])
        asker.publish(`$SRV.${verb}${who}`, new Uint8Array(0), "_INBOX.srv.x");
    await server.settle();
    return types;
  };
  // A question nobody hears is answered by the server's 503, which has no payload to read.
  asker.subscribe("$SRV.>", () => undefined);
  assert.deepEqual((await ask()).sort(), [
    ...new Array<string>(3).fill("info_response"),
    ...new Array<string>(3).fill("ping_response"),
    ...new Array<string>(3).fill("stats_response"),
  ]);
  responder.stop();
  assert.deepEqual(await ask(), []);
});

test("while the connection is down nothing is answered and nothing thrown", async () => {
  const server = new MemoryServer();
  const errors: unknown[] = [];
  const instance = server.connect({ onCallbackError: (error) => errors.push(error) });
  new MicroResponder(instance, createTestRuntime().refusals, () => facts()).start();
  server.connect().publish("$SRV.PING", new Uint8Array(0), "_INBOX.srv.x");
  instance.disconnect();
  await server.settle();
  assert.deepEqual(errors, []);
});

test("while the connection moves and hears a question twice it is answered once, and afterwards as ever", async () => {
  const server = new MemoryServer();
  const [instance, asker] = [server.connect(), server.connect()];
  let answers = 0;
  asker.subscribe("_INBOX.srv.>", ({ payload }) => void (payload.length > 0 && answers++));
  new MicroResponder(instance, createTestRuntime().refusals, () => facts()).start();
  const ask = async (subject: string, reply: string): Promise<number> => {
    answers = 0;
    for (const _ of [1, 2]) asker.publish(subject, new Uint8Array(0), reply);
    await server.settle();
    return answers;
  };
  instance.hearsTwice = true;
  assert.equal(await ask("$SRV.PING", "_INBOX.srv.x"), 1);
  assert.equal(await ask("$SRV.PING.orders", "_INBOX.srv.x"), 1, "another question with the same inbox");
  assert.equal(await ask("$SRV.PING", "_INBOX.srv.y"), 1);
  instance.hearsTwice = false;
  assert.equal(await ask("$SRV.PING", "_INBOX.srv.x"), 2);
});
