// Hostile callers: they may call, and send what no SDK of ours would.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CallContext, Mesh } from "@malla/sdk";
import type { BrokerMessage, NatsBroker } from "@malla/sdk/broker";
import {
  callSubject,
  decodePolicyPush,
  encodeHeaderBlock,
  headerValue,
  inboxSubject,
  parseHeaderBlock,
  viaSubject,
} from "@malla/sdk/contract";
import { eventually, PlainCaller } from "../harness/index.ts";
import { BesiegedMesh } from "./besieged-mesh.ts";

const EMPTY = new Uint8Array(0);
/** Calls the router grants one principal at a time. */
const MAX_IN_FLIGHT = 50;

let besieged: BesiegedMesh;
let mallory: NatsBroker;
const ran: { principal: string; headers: ReadonlyMap<string, string>; key: string }[] = [];

before(async () => {
  besieged = await BesiegedMesh.start({ maxInFlightPerPrincipal: MAX_IN_FLIGHT });
  await besieged.mesh.service("payments", {
    charge: ({ key = "" }: { key?: string }, { principal, headers }: CallContext) => {
      ran.push({ principal, headers, key });
      return { principal };
    },
    slow: async ({ ms }: { ms: number }) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return "slow";
    },
  });
  mallory = (await besieged.hostile("mallory", "service")).client;
});

after(async () => {
  await besieged?.stop();
});

/** What comes back to mallory for one raw message; undefined if a later honest call of his is answered before. */
async function answerTo(headers: Uint8Array, payload = "{}"): Promise<BrokerMessage | undefined> {
  const id = crypto.randomUUID().slice(0, 8);
  let answer: BrokerMessage | undefined;
  const subscription = mallory.subscribe(inboxSubject("mallory", "raw", id), (message) => {
    answer = message;
  });
  mallory.publish(
    callSubject("mallory", "payments", "charge"),
    Buffer.from(payload),
    inboxSubject("mallory", "raw", id),
    headers,
  );
  const sentinel = new PlainCaller(mallory, "mallory");
  await sentinel.request("payments", "charge", { key: "sentinel" });
  subscription.unsubscribe();
  return answer;
}

function reasonOf(message: BrokerMessage | undefined): string | undefined {
  const headers = parseHeaderBlock(message?.headers ?? EMPTY);
  return typeof headers === "string" ? headers : headerValue(headers, "Malla-Reason");
}

describe("a hostile header block is refused as bad-request and nothing runs", () => {
  const block = (...lines: readonly string[]): string => `NATS/1.0\r\n${lines.join("\r\n")}\r\n\r\n`;
  const cases: readonly (readonly [string, string])[] = [
    ["the caller's name twice", block("Malla-Caller: patron", "Malla-Caller: root")],
    ["a reserved name twice in another case", block("Malla-Timeout: 100", "MALLA-timeout: 900000")],
    ["the end user's token twice", block("Authorization: Bearer a", "authorization: Bearer b")],
    ["a lone line feed", "NATS/1.0\r\nX: 1\nMalla-Caller: root\r\n\r\n"],
    ["a lone carriage return", "NATS/1.0\r\nX: 1\rMalla-Caller: root\r\n\r\n"],
    ["no empty line at the end", "NATS/1.0\r\nX: 1\r\n"],
    ["no terminator at all", "NATS/1.0\r\nX: 1"],
    ["a second block behind the first", `${block("X: 1")}NATS/1.0\r\nMalla-Caller: root\r\n\r\n`],
    ["a status line", "NATS/1.0 503\r\n\r\n"],
    ["a status line with a text", "NATS/1.0 100 Idle\r\nX: 1\r\n\r\n"],
    ["a line without a colon", block("X")],
    ["a name with a blank", block("Malla-Caller : root")],
    ["a folded line", block("X: 1", " Malla-Caller: root")],
    ["a control character", block("X: a\u0001b")],
    ["a deadline that is none", block("Malla-Timeout: soon")],
    ["a priority that is none", block("Malla-Priority: highest")],
  ];
  for (const [name, text] of cases) {
    test(name, async () => {
      const count = ran.filter(({ key }) => key !== "sentinel").length;
      const refusal = { stage: "open", reason: "bad-request", principal: "mallory" } as const;
      const answer = await besieged.refuses([refusal], async () => await answerTo(Buffer.from(text, "latin1")));
      assert.equal(reasonOf(answer), "bad-request");
      assert.equal(ran.filter(({ key }) => key !== "sentinel").length, count);
    });
  }
});

test("headers that are the mesh's or the broker's reach no handler, and the caller stays who he is", async () => {
  const fields = [
    ...["Malla-Caller", "patron", "Malla-Claims", '{"sub":"root"}', "malla-instance", "i1", "Malla-Origin", "router"],
    ...["Nats-Trace-Only", "", "Nats-Msg-Id", "1", "Nats-Expected-Stream", "KV_mesh-policy", "NATS-Rollup", "all"],
    ...["Authorization", "Bearer of-the-end-user", "X-Own", "kept"],
  ];
  await besieged.underAttack(async () => {
    await new PlainCaller(mallory, "mallory").request("payments", "charge", { key: "forged" }, fields);
  });
  const seen = ran.find(({ key }) => key === "forged");
  assert.equal(seen?.principal, "mallory");
  assert.deepEqual([...(seen?.headers ?? [])], [["x-own", "kept"]]);
});

test("a trace of the broker goes no further than the caller's own hop, and aimed at another it is refused", async () => {
  const heard: string[] = [];
  const { client, denied } = await besieged.hostile("tracer", "service");
  // A service may publish to inboxes in its own name, its own among them: that is where a trace may be aimed.
  client.subscribe("_INBOX.tracer.tracer.>", ({ payload }) => heard.push(Buffer.from(payload).toString()));
  const traced = async (dest: string): Promise<string> => {
    const caller = new PlainCaller(client, "tracer");
    const reply = caller.request("payments", "charge", { key: "traced" }, ["Nats-Trace-Dest", dest], 1_000);
    return await reply.then(
      ({ payload }) => Buffer.from(payload).toString(),
      () => "unanswered",
    );
  };
  await besieged.underAttack(async () => {
    assert.equal(await traced("_INBOX.tracer.tracer.trace.x"), '{"principal":"tracer"}');
    assert.equal(await traced("mesh.run.payments.i1.tracer.charge"), "unanswered");
  });
  await eventually(() => assert.ok(heard.length > 0, "the broker traces the hop of its own client"));
  assert.deepEqual(
    heard.filter((text) => /mesh\.run|mesh\.reply/.test(text)),
    [],
    "what the router sends on is not traced",
  );
  const runs = ran.filter(({ key }) => key === "traced");
  assert.equal(runs.length, 1);
  assert.ok(!runs[0]?.headers.has("nats-trace-dest"));
  assert.ok(denied.length > 0);
});

describe("the reply subject of a call", () => {
  test("that is not the caller's own is dropped: nobody is made to publish for him", async () => {
    const { client: replier } = await besieged.hostile("replier", "service");
    const heard: string[] = [];
    const victim = await besieged.mesh.raw("victim", "service");
    victim.subscribe("_INBOX.victim.>", ({ subject }) => heard.push(subject));
    await victim.flush();
    const replies = [
      "_INBOX.victim.conn.1",
      "_INBOX.replier",
      "_INBOX.replier.*",
      "_INBOX.replier.>",
      "mesh.run.payments.i1.replier.charge",
      "mesh.policy.live",
      "mesh.router.router-a",
      "mesh.reply.router-a.payments.x",
      "mesh.instance.payments.i1",
      "$SRV.PING",
      "$JS.API.INFO",
    ];
    const count = ran.length;
    await besieged.refuses(
      [{ stage: "authenticate-reply", reason: "bad-request", principal: "replier", count: replies.length }],
      async () => {
        for (const reply of replies)
          replier.publish(callSubject("replier", "payments", "charge"), Buffer.from("{}"), reply);
        await replier.flush();
      },
    );
    await victim.flush();
    assert.deepEqual(heard, []);
    assert.equal(ran.length, count);
  });

  test("is not answered to by a refusal either, whatever the refusal", async () => {
    const { client: refuser } = await besieged.hostile("refuser", "service");
    const heard: string[] = [];
    const victim = await besieged.mesh.raw("victim", "service");
    victim.subscribe("_INBOX.victim.>", ({ subject }) => heard.push(subject));
    await victim.flush();
    const calls = [
      [callSubject("refuser", "nowhere", "x"), EMPTY],
      [callSubject("refuser", "mesh", "policy"), EMPTY],
      [callSubject("refuser", "mesh", "nonsense"), EMPTY],
      [callSubject("refuser", "payments", "charge"), Buffer.from("NATS/1.0\r\nbroken\r\n\r\n")],
    ] as const;
    await besieged.refuses(
      [{ stage: "authenticate-reply", reason: "bad-request", principal: "refuser", count: calls.length }],
      async () => {
        for (const [subject, headers] of calls) refuser.publish(subject, EMPTY, "_INBOX.victim.conn.2", headers);
        await refuser.flush();
      },
    );
    await victim.flush();
    assert.deepEqual(heard, []);
  });
});

test("a subject with a wildcard, a wrong name or too many tokens is refused, and no grant is longer than it looks", async () => {
  const { client: guest, denied } = await besieged.hostile("guest", "guest");
  const wrong = [
    "payments.*",
    "*.charge",
    "payments.$",
    "Payments.charge",
    "payments._probe",
    `payments.${"x".repeat(200)}`,
  ];
  const count = ran.length;
  await besieged.refuses(
    [{ stage: "authenticate-subject", reason: "bad-request", principal: "guest", count: wrong.length }],
    async () => {
      for (const tail of wrong) guest.publish(`mesh.call.guest.${tail}`, EMPTY, "_INBOX.guest.conn.1");
      for (const tail of ["payments", "payments.charge.more", ">"])
        guest.publish(`mesh.call.guest.${tail}`, EMPTY, "_INBOX.guest.conn.1");
      await guest.flush();
    },
  );
  assert.equal(ran.length, count);
  assert.deepEqual(denied.map(({ subject }) => subject).toSorted(), [
    "mesh.call.guest.>",
    "mesh.call.guest.payments",
    "mesh.call.guest.payments.charge.more",
  ]);
});

test("an idempotency key and a message id are a principal's own: another's swallow nothing", async () => {
  const patron: Mesh = await besieged.mesh.caller("shopper");
  const fields = ["Malla-Idempotency-Key", "order-1", "Nats-Msg-Id", "order-1"];
  await besieged.underAttack(async () => {
    await new PlainCaller(mallory, "mallory").request("payments", "charge", { key: "swallow" }, fields);
    const options = { idempotencyKey: "order-1" };
    assert.deepEqual(await patron.call("payments", "charge", { key: "mine" }, options), { principal: "shopper" });
    assert.deepEqual(await patron.call("payments", "charge", { key: "mine" }, options), { principal: "shopper" });
  });
  assert.deepEqual(
    ran.filter(({ key }) => key === "swallow" || key === "mine").map(({ principal }) => principal),
    ["mallory", "shopper"],
  );
});

test("a call of another is neither cancelled nor told of, and a probe with nonsense is refused", async () => {
  const { client: prober } = await besieged.hostile("prober", "service");
  const [router] = besieged.mesh.routers;
  const { client: victim } = await besieged.hostile("victim", "service");
  let answered: string | undefined;
  victim.subscribe("_INBOX.victim.conn.long", ({ payload }) => {
    answered = Buffer.from(payload).toString();
  });
  const probe = async (headers: Uint8Array): Promise<BrokerMessage> => {
    const inbox = inboxSubject("prober", "probe", crypto.randomUUID());
    return await new Promise((resolve) => {
      prober.subscribe(inbox, resolve);
      prober.publish(viaSubject(router?.id ?? "", "prober", "mesh", "probe"), EMPTY, inbox, headers);
    });
  };
  await besieged.refuses(
    [
      { stage: "cancel", reason: "denied", principal: "prober" },
      { stage: "cancel", reason: "bad-request", principal: "prober" },
      { stage: "probe", reason: "denied", principal: "prober" },
      { stage: "probe", reason: "bad-request", principal: "prober", count: 4 },
      { stage: "mesh-service", reason: "no-method", principal: "prober" },
    ],
    async () => {
      victim.publish(
        viaSubject(router?.id ?? "", "victim", "payments", "slow"),
        Buffer.from('{"ms":1500}'),
        "_INBOX.victim.conn.long",
      );
      await victim.flush();
      // The router has it when a call behind it on the same connection is answered.
      await new PlainCaller(victim, "victim").request("payments", "charge", { key: "sentinel" });
      prober.publish(`mesh.cancel.${router?.id}.prober.long`, EMPTY);
      prober.publish(`mesh.cancel.${router?.id}.prober.$`, EMPTY);
      const told = await probe(encodeHeaderBlock(["Malla-Probe", "long"]));
      // As of an id that nobody has: its answer shows no difference.
      assert.deepEqual(told.payload.length, (await probe(encodeHeaderBlock(["Malla-Probe", "none"]))).payload.length);
      for (const headers of [
        EMPTY,
        encodeHeaderBlock(["Malla-Probe", "a b"]),
        encodeHeaderBlock(["Malla-Probe", new Array(5_000).fill("a").join(",")]),
        Buffer.from("NATS/1.0 503\r\n\r\n"),
      ])
        assert.equal(reasonOf(await probe(headers)), "bad-request");
      const inbox = inboxSubject("prober", "probe", "last");
      const refused = new Promise<BrokerMessage>((resolve) => prober.subscribe(inbox, resolve));
      prober.publish(callSubject("prober", "mesh", "shutdown"), EMPTY, inbox);
      assert.equal(reasonOf(await refused), "no-method");
    },
  );
  await eventually(() => assert.equal(answered, '"slow"'));
});

test("whoever may call may ask a router who is there and which policy holds, and for nothing else", async () => {
  const guest = new PlainCaller(await besieged.mesh.raw("guest", "guest"), "guest");
  const { payload } = await guest.request("mesh", "instances", {});
  const { services } = JSON.parse(Buffer.from(payload).toString()) as { services: Record<string, unknown> };
  assert.ok("payments" in services && "greeter" in services);
  assert.ok(decodePolicyPush((await guest.request("mesh", "policy", {})).payload) !== undefined);
  for (const method of ["tap", "shutdown", "credentials"]) {
    const { headers } = await guest.request("mesh", method, {});
    assert.equal(headerValue(headers, "Malla-Reason"), "no-method", method);
  }
});

test("a call that access does not allow is counted and told once, with who and why", async () => {
  await besieged.mesh.apply(`
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: payments-callers }
spec: { service: payments, action: deny, rules: [{ principals: [mallory] }] }
`);
  const count = ran.length;
  await besieged.refuses([{ stage: "authorize", reason: "denied", principal: "mallory" }], async () => {
    const { headers } = await new PlainCaller(mallory, "mallory").request("payments", "charge", {}, [
      "Malla-Caller",
      "patron",
    ]);
    assert.equal(headerValue(headers, "Malla-Reason"), "denied");
  });
  assert.equal(ran.length, count);
  await besieged.mesh.remove("AccessPolicy/payments-callers");
});

test("a caller who holds all the calls a router grants one principal is refused more, and nobody else is", async () => {
  const { client: hog } = await besieged.hostile("hog", "service");
  const reasons: (string | undefined)[] = [];
  hog.subscribe("_INBOX.hog.hold.*", (message) => reasons.push(reasonOf(message)));
  const MORE = 15;
  await besieged.refuses([{ stage: "admit", reason: "overloaded", principal: "hog", count: MORE }], async () => {
    for (let n = 0; n < MAX_IN_FLIGHT + MORE; n++)
      hog.publish(callSubject("hog", "payments", "slow"), Buffer.from('{"ms":1000}'), `_INBOX.hog.hold.${n}`);
    await hog.flush();
    await eventually(() => assert.equal(reasons.length, MORE));
    assert.deepEqual(new Set(reasons), new Set(["overloaded"]));
  });
  await eventually(() => assert.equal(reasons.length, MAX_IN_FLIGHT + MORE));
});

test("a flood of refused calls is counted whole, and cut in the log with the count of what was left out", async () => {
  const { client: flooder } = await besieged.hostile("flooder", "service");
  const FLOOD = 2_000;
  const linesBefore = besieged.lines.length;
  const [router] = besieged.mesh.routers;
  assert.ok(router);
  const labels = { stage: "authenticate-reply", reason: "bad-request" };
  const counted = await besieged.mesh.metric(router, "mesh_rejected_total", labels);
  await besieged.underAttack(async () => {
    for (let i = 0; i < FLOOD; i++)
      flooder.publish(callSubject("flooder", "payments", "charge"), EMPTY, "_INBOX.victim.conn.1");
    await flooder.flush();
  });
  await eventually(async () => {
    assert.equal(await besieged.mesh.metric(router, "mesh_rejected_total", labels), counted + FLOOD);
    const about = besieged.lines.slice(linesBefore).filter(({ principal }) => principal === "flooder");
    const written = about.filter(({ leftOut }) => leftOut === undefined).length;
    const leftOut = about.reduce((sum, line) => sum + (line.leftOut ?? 0), 0);
    assert.equal(written + leftOut, FLOOD);
    assert.ok(written < FLOOD / 10, `${written} lines`);
  });
});
