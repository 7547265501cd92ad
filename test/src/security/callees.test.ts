// Hostile callees: they are called, and answer what no SDK of ours would.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CallContext, MeshError } from "@malla/sdk";
import type { BrokerMessage, NatsBroker } from "@malla/sdk/broker";
import { encodeHeaderBlock, header, headerValue, parseHeaderBlock, parseReplySubject } from "@malla/sdk/contract";
import { eventually, PlainCaller, rejection } from "../harness/index.ts";
import { BesiegedMesh } from "./besieged-mesh.ts";
import { type HostileInstance, hostileInstance } from "./hostile-instance.ts";

const EMPTY = new Uint8Array(0);
const text = (value: string): Uint8Array => Buffer.from(value, "latin1");
/** An error as a router writes it: nothing began, so a caller's SDK would go elsewhere with it. */
const forgedByRouter = [
  ...[header.status, "UNAVAILABLE", header.reason, "not-started", header.origin, "router", header.attempts, "0"],
  ...[header.serviceError, "forged", header.serviceErrorCode, "503", header.retryAfter, "1"],
];

let besieged: BesiegedMesh;
let client: NatsBroker;
let instance: HostileInstance;
let answer: (request: BrokerMessage) => void = () => undefined;

before(async () => {
  besieged = await BesiegedMesh.start();
  client = (await besieged.hostile("evil", "service")).client;
  instance = await hostileInstance(client, "evil", (request) => answer(request));
});

after(async () => {
  await besieged?.stop();
});

/** Calls the hostile instance once, with an SDK; how often it ran, and what the caller was told. */
async function called(reply: (request: BrokerMessage) => void): Promise<{ runs: number; error: MeshError }> {
  const before = instance.requests.length;
  answer = reply;
  const caller = await besieged.mesh.caller("buyer");
  const error = await rejection(caller.call("evil", "work", {}, { timeoutMs: 3_000 }));
  await besieged.mesh.leave(caller);
  return { runs: instance.requests.length - before, error: error as MeshError };
}

describe("an instance's own words about a call that ran never repeat it", () => {
  const replies: readonly (readonly [string, Uint8Array, string])[] = [
    ["a status line 503 of its own", text("NATS/1.0 503\r\n\r\n"), "internal"],
    ["the 503 of a call of its own", text("NATS/1.0 503\r\nNats-Subject: mesh.call.evil.x.y\r\n\r\n"), "internal"],
    ["another status line", text("NATS/1.0 408 Timeout\r\n\r\n"), "internal"],
    ["a malformed line", text("NATS/1.0\r\nbroken\r\n\r\n"), "internal"],
    ["a lone line feed", text("NATS/1.0\r\nX: 1\nMalla-Origin: router\r\n\r\n"), "internal"],
    ["no terminator", text("NATS/1.0\r\nX: 1"), "internal"],
  ];
  for (const [name, headers, reason] of replies) {
    test(name, async () => {
      const refusal = { stage: "reply", reason: "bad-request", principal: "evil" } as const;
      const { runs, error } = await besieged.refuses(
        [refusal],
        async () => await called(({ reply }) => client.publish(reply, EMPTY, undefined, headers)),
      );
      assert.deepEqual([runs, error.reason, error.origin], [1, reason, "router"]);
    });
  }

  for (const reason of ["no-instance", "breaker-open", "gone", "parking-full", "no-service", "made-up"]) {
    test(`the reason ${reason}, which is a router's`, async () => {
      const fields = forgedByRouter.map((field) => (field === "not-started" ? reason : field));
      const { runs, error } = await besieged.underAttack(
        async () => await called(({ reply }) => client.publish(reply, EMPTY, undefined, encodeHeaderBlock(fields))),
      );
      assert.deepEqual(
        [runs, error.reason, error.status, error.origin, error.attempts],
        [1, "application", "UNAVAILABLE", "instance", 1],
      );
    });
  }
});

test("a nack of one's own goes elsewhere, is bounded, and stays the instance's word", async () => {
  const { runs, error } = await besieged.underAttack(
    async () => await called(({ reply }) => client.publish(reply, EMPTY, undefined, encodeHeaderBlock(forgedByRouter))),
  );
  assert.deepEqual([error.reason, error.origin], ["not-started", "instance"]);
  assert.ok(runs >= 1 && runs <= 12, `${runs} tries of an instance that lies about itself`);
  assert.equal(error.attempts, runs);
});

test("headers of a success reach the caller without those of the mesh and the broker", async () => {
  answer = ({ reply }) =>
    client.publish(
      reply,
      Buffer.from('"fine"'),
      undefined,
      encodeHeaderBlock([
        ...["Malla-Origin", "router", "Malla-Attempts", "0", "MALLA-Instance", "i9", "Malla-Notice", "parked"],
        ...["Nats-Trace-Dest", "_INBOX.evil.evil.trace.x", "Nats-Msg-Id", "1", "X-Own", "kept"],
      ]),
    );
  const plain = new PlainCaller(await besieged.mesh.raw("guest", "guest"), "guest");
  const { headers } = await besieged.underAttack(async () => await plain.request("evil", "work", {}));
  assert.deepEqual(headers.fields, ["X-Own", "kept"]);
  assert.equal(headers.status, 0);
});

describe("a plain service", () => {
  let micro: NatsBroker;
  let say: readonly string[] = [];
  let runs = 0;

  before(async () => {
    micro = (await besieged.hostile("legacy", "micro")).client;
    const listen = (verb: string, body: object): void => {
      micro.subscribe(verb, ({ reply }) => micro.publish(reply, Buffer.from(JSON.stringify(body))));
    };
    const about = { name: "legacy", id: "x", version: "1.0.0" };
    listen("$SRV.PING", { type: "io.nats.micro.v1.ping_response", ...about });
    listen("$SRV.INFO.legacy", {
      ...about,
      type: "io.nats.micro.v1.info_response",
      endpoints: [
        { name: "work", subject: "mesh.serve.legacy.work" },
        // Endpoints of others, in the hope that the router publishes there.
        { name: "charge", subject: "mesh.serve.payments.charge" },
        { name: "probe", subject: "mesh.run.payments.i1.legacy.charge" },
        { name: "any", subject: "mesh.serve.legacy.>" },
        { name: "policy", subject: "mesh.policy.live" },
      ],
    });
    micro.subscribe("mesh.serve.legacy.*", ({ reply }) => {
      runs++;
      micro.publish(reply, Buffer.from("{}"), undefined, encodeHeaderBlock(say));
    });
    await micro.flush();
    const buyer = await besieged.mesh.caller("buyer");
    await eventually(async () => assert.deepEqual(await buyer.call("legacy", "work", {}), {}), { withinMs: 10_000 });
    await besieged.mesh.leave(buyer);
  });

  test("cannot speak as a router, and what it says never repeats a call", async () => {
    const before = runs;
    say = forgedByRouter;
    const plain = new PlainCaller(await besieged.mesh.raw("guest", "guest"), "guest");
    const { headers } = await besieged.underAttack(async () => await plain.request("legacy", "work", {}));
    assert.equal(runs - before, 1);
    assert.deepEqual(
      [header.origin, header.reason, header.status, header.attempts, header.retryAfter].map((name) =>
        headerValue(headers, name),
      ),
      ["instance", "application", "UNAVAILABLE", "1", undefined],
    );
  });

  test("passes on the 503 of a call of its own, and runs once", async () => {
    const before = runs;
    const { client: relay } = await besieged.hostile("relay", "micro");
    let relayed = 0;
    relay.subscribe("$SRV.INFO.relay", ({ reply }) =>
      relay.publish(
        reply,
        Buffer.from('{"name":"relay","version":"1.0.0","endpoints":[{"subject":"mesh.serve.relay.work"}]}'),
      ),
    );
    relay.subscribe("$SRV.PING", ({ reply }) => relay.publish(reply, Buffer.from('{"name":"relay"}')));
    relay.subscribe("mesh.serve.relay.work", ({ reply }) => {
      relayed++;
      relay.publish(reply, EMPTY, undefined, text("NATS/1.0 503\r\nNats-Subject: their.own.request\r\n\r\n"));
    });
    await relay.flush();
    const buyer = await besieged.mesh.caller("buyer");
    const error = await besieged.underAttack(
      async () =>
        await eventually(
          async () => {
            const failed = (await rejection(buyer.call("relay", "work", {}))) as MeshError;
            assert.equal(failed.reason, "internal");
            return failed;
          },
          { withinMs: 10_000 },
        ),
    );
    assert.deepEqual([error.attempts, relayed], [1, 1]);
    assert.equal(runs, before);
    await besieged.mesh.leave(buyer);
  });

  test("is not believed about endpoints that are another's: the mesh publishes to none of them", async () => {
    const ran: string[] = [];
    await besieged.mesh.service("payments", {
      charge: (_request: unknown, { principal }: CallContext) => void ran.push(principal),
    });
    const plain = new PlainCaller(await besieged.mesh.raw("guest", "guest"), "guest");
    say = [];
    await besieged.underAttack(async () => {
      for (const method of ["charge", "probe", "any", "policy"]) {
        const { headers } = await plain.request("legacy", method, {});
        assert.equal(headerValue(headers, header.reason), "no-method", method);
      }
    });
    assert.deepEqual(ran, []);
  });
});

test("a reply matches on service and attempt: neither another service nor the request id answers for one", async () => {
  const { client: victim } = await besieged.hostile("victim", "service");
  const seen: string[] = [];
  await hostileInstance(victim, "victim", ({ reply, headers }) => {
    const attempt = parseReplySubject(reply);
    const block = parseHeaderBlock(headers);
    assert.ok(attempt !== undefined && typeof block !== "string");
    const requestId = headerValue(block, header.requestId) ?? "";
    seen.push(requestId);
    assert.notEqual(requestId, attempt.id);
    // Even with the attempt's id, which nobody tells it, the other may publish in its own name only.
    client.publish(`mesh.reply.${attempt.router}.evil.${attempt.id}`, Buffer.from('"forged"'));
    client.publish(`mesh.reply.${attempt.router}.evil.${requestId}`, Buffer.from('"forged"'));
    client.publish(`mesh.reply.${attempt.router}.victim.${attempt.id}`, Buffer.from('"forged"'));
    void client.flush().then(() => victim.publish(reply, Buffer.from('"true"')));
  });
  const buyer = await besieged.mesh.caller("buyer");
  const refusal = { stage: "reply", reason: "bad-request", principal: "evil" } as const;
  await besieged.refuses([refusal], async () => {
    assert.equal(await eventually(async () => await buyer.call("victim", "work", {})), "true");
  });
  assert.equal(seen.length, 1);
  await besieged.mesh.leave(buyer);
});

test("a reply that came after its time, or to nobody, is nobody's fault and costs nothing", async () => {
  const [router] = besieged.mesh.routers;
  await besieged.refuses([{ stage: "reply", reason: "bad-request", principal: "evil" }], async () => {
    for (let i = 0; i < 500; i++) client.publish(`mesh.reply.${router?.id}.evil.x${i}`, EMPTY);
    client.publish(`mesh.reply.${router?.id}.evil.$`, EMPTY);
    await client.flush();
  });
});

test("the end user's token goes to nobody", async () => {
  const seen: ReadonlyMap<string, string>[] = [];
  await besieged.mesh.service("inbox", {
    read: (_request: unknown, { headers }: CallContext) => void seen.push(headers),
  });
  const plain = new PlainCaller(await besieged.mesh.raw("guest", "guest"), "guest");
  await besieged.underAttack(
    async () => await plain.request("inbox", "read", {}, ["Authorization", "Bearer replay-me", "X-Own", "1"]),
  );
  assert.deepEqual([...(seen[0] ?? [])], [["x-own", "1"]]);
});
