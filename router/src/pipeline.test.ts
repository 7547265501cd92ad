// The pipeline over a broker in memory.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";

import { errorFields } from "@malla/sdk/call";
import {
  type AccessPolicyDocument,
  encodeHeaderBlock,
  header,
  MAX_RELAYED_BLOCK_BYTES,
  MAX_RELAYED_FIELDS,
  MeshError,
  parseAttemptSubject,
  type RouteDocument,
  type ServicePolicyDocument,
} from "@malla/sdk/contract";

import type { RefusalStage } from "@malla/sdk/telemetry";

import { MAX_KEPT_BYTES_PER_PRINCIPAL } from "./idempotency/claim-share.ts";

import { access, type Call, EMPTY, guarded, type Serve, V1, world } from "./pipeline.test.fixture.ts";

test("a call goes to an instance and its answer to the caller", async () => {
  const w = world();
  w.instance("i1", (_message, reply) =>
    reply(["Content-Type", "text/plain", "X-Own", "1", header.load, "3,0,0", "Nats-Thing", "x"], "done"),
  );
  const reply = w.send({
    payload: "work",
    fields: ["X-Mine", "1", "Malla-Caller", "root", "Authorization", "Bearer x", header.timeout, "500"],
  });
  await w.server.settle();
  const [run] = w.ran;
  assert.equal(run?.subject, "mesh.run.orders.i1.cart.place");
  assert.deepEqual(
    [
      run?.payload,
      run?.value("x-mine"),
      run?.value(header.caller),
      run?.value("authorization"),
      run?.value(header.timeout),
      run?.value(header.attempt),
    ],
    ["work", "1", undefined, undefined, "500", "1"],
  );
  assert.match(run?.reply ?? "", /^mesh\.reply\.router-a\.orders\.[A-Za-z0-9_-]{16}$/);
  const answer = w.answerTo(reply);
  assert.deepEqual(
    [
      answer.error,
      answer.payload,
      answer.value("x-own"),
      answer.value("content-type"),
      answer.value(header.load),
      answer.value("nats-thing"),
    ],
    [undefined, "done", "1", "text/plain", undefined, undefined],
  );
  assert.deepEqual(
    w.telemetry.calls.map(({ caller, service, method, code, version, attempts }) => [
      caller,
      service,
      method,
      code,
      version,
      attempts,
    ]),
    [["cart", "orders", "place", "OK", "1.0.0", 1]],
  );
  w.assertClean();
});

describe("an answer that grows beyond what the broker carries", () => {
  const LARGE = "x".repeat(64 * 1024 - 60);
  const refusal = [header.status, "NOT_FOUND"];

  test("an error keeps its status and loses its body", async () => {
    const w = world();
    w.instance("i1", (_message, reply) => reply(refusal, LARGE));
    const reply = w.send();
    await w.server.settle();
    const { error, payload } = w.answerTo(reply);
    assert.deepEqual([error?.status, error?.reason, payload], ["NOT_FOUND", "application", ""]);
    w.assertClean();
  });

  test("with an idempotency key as well, where a promise would have thrown", async () => {
    const w = world();
    w.instance("i1", (_message, reply) => reply(refusal, LARGE));
    const reply = w.send({ fields: [header.idempotencyKey, "k"] });
    await w.server.settle();
    assert.equal(w.answerTo(reply).error?.status, "NOT_FOUND");
    w.assertClean();
  });

  test("a success becomes too-large, and is counted so", async () => {
    const w = world();
    // Bytes that are no UTF-8 are three for one when they are passed on.
    const raw = Buffer.from(`NATS/1.0\r\nX: ${"\xff".repeat(20_000)}\r\n\r\n`, "latin1");
    const connection = w.instance("i1", () => undefined);
    connection.subscribe("mesh.run.orders.i1.*.*", ({ reply }) =>
      connection.publish(reply, Buffer.alloc(40_000), undefined, raw),
    );
    const reply = w.send();
    await w.server.settle();
    assert.equal(w.answerTo(reply).error?.reason, "too-large");
    assert.deepEqual(
      w.telemetry.calls.map(({ reason }) => reason),
      ["too-large"],
    );
    w.assertClean();
  });
});

describe("the order of refusals", () => {
  test("a forged reply subject is dropped before anything, even while draining: nothing is published to it", async () => {
    const w = world();
    const victim: string[] = [];
    w.caller.subscribe("mesh.run.payments.>", ({ subject }) => victim.push(subject));
    w.pipeline.drain();
    for (const reply of ["mesh.run.payments.i1.cart.charge", "_INBOX.web.x", "_INBOX.cart.*", "mesh.policy.live"])
      w.send({ reply });
    await w.server.settle();
    assert.deepEqual([victim, w.answers], [[], []]);
    assert.deepEqual(w.telemetry.rejections, new Array(4).fill({ stage: "authenticate-reply", reason: "bad-request" }));
    w.assertClean();
  });

  test("draining and overload are told before the headers are read", async () => {
    const w = world([], { maxInFlight: 0 });
    const full = w.send({ headers: Buffer.from("NATS/1.0\r\nbroken\r\n\r\n") });
    await w.server.settle();
    w.pipeline.drain();
    const draining = w.send({ headers: Buffer.from("NATS/1.0\r\nbroken\r\n\r\n") });
    await w.server.settle();
    assert.deepEqual(
      [full, draining].map((reply) => [
        w.answerTo(reply).error?.reason,
        w.answerTo(reply).error?.origin,
        w.answerTo(reply).error?.attempts,
      ]),
      [
        ["overloaded", "router", 0],
        ["not-started", "router", 0],
      ],
    );
    assert.deepEqual(w.telemetry.calls, []);
    w.assertClean();
  });

  test("malformed headers are refused, without a call that began", async () => {
    const w = world();
    w.instance("i1");
    const replies = [
      w.send({ headers: Buffer.from("NATS/1.0\r\nbroken\r\n\r\n") }),
      w.send({ fields: [header.timeout, "soon"] }),
      w.send({ fields: [header.timeout, "1", "malla-timeout", "1"] }),
    ];
    await w.server.settle();
    for (const reply of replies) assert.equal(w.answerTo(reply).error?.reason, "bad-request");
    assert.equal(w.ran.length, 0);
    w.assertClean();
  });

  test("a header block is taken up to what an instance takes with the router's own in it", async () => {
    const w = world();
    w.instance("i1");
    const own = [
      header.key,
      "k".repeat(256),
      header.priority,
      "sheddable",
      header.traceparent,
      `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
    ];
    const filledTo = (bytes: number): string[] => {
      const around = encodeHeaderBlock([...own, "x-large", ""]).length;
      return [...own, "x-large", "v".repeat(bytes - around)];
    };
    const many = (count: number): string[] => [
      ...own,
      ...Array.from({ length: count - own.length / 2 }, (_, i) => [`x-${i}`, "v"]).flat(),
    ];
    const taken = [w.send({ fields: filledTo(MAX_RELAYED_BLOCK_BYTES) }), w.send({ fields: many(MAX_RELAYED_FIELDS) })];
    const refused = [
      w.send({ fields: filledTo(MAX_RELAYED_BLOCK_BYTES + 1) }),
      w.send({ fields: many(MAX_RELAYED_FIELDS + 1) }),
    ];
    await w.server.settle();
    for (const reply of taken) assert.equal(w.answerTo(reply).error, undefined);
    for (const reply of refused) assert.equal(w.answerTo(reply).error?.reason, "bad-request");
    assert.equal(w.ran.length, 2);
    w.assertClean();
  });

  test("denied comes before no-service and no-method: strangers cannot probe for names", async () => {
    const w = world([...guarded("orders"), ...guarded("secret")]);
    w.instance("i1");
    const outcome = async (call: Call): Promise<string | undefined> => {
      const reply = w.send(call);
      await w.server.settle();
      return w.answerTo(reply).error?.reason;
    };
    assert.equal(await outcome({ principal: "guest", method: "place" }), "denied");
    assert.equal(await outcome({ principal: "guest", method: "nothing" }), "denied");
    assert.equal(await outcome({ principal: "guest", service: "secret" }), "denied");
    assert.equal(await outcome({ principal: "cart", method: "nothing" }), "no-method");
    assert.equal(await outcome({ principal: "cart", service: "nowhere" }), "no-service");
    assert.equal(w.ran.length, 0);
    w.assertClean();
  });

  test("the final method is judged, after a Route's rewrite, and the other service it may end at", async () => {
    const rewrite: RouteDocument = {
      apiVersion: V1,
      kind: "Route",
      metadata: { name: "r" },
      spec: {
        match: { service: "orders", methods: ["list"] },
        destinations: [{ weight: 1 }],
        rewrite: { method: "admin" },
      },
    };
    const elsewhere: RouteDocument = {
      apiVersion: V1,
      kind: "Route",
      metadata: { name: "s" },
      spec: {
        match: { service: "orders", methods: ["move"] },
        destinations: [{ service: "vault", weight: 0 }, { weight: 1 }],
      },
    };
    const denyAdmin: AccessPolicyDocument = {
      apiVersion: V1,
      kind: "AccessPolicy",
      metadata: { name: "no-admin" },
      spec: {
        service: "orders",
        action: "deny",
        mode: "enforce",
        rules: [{ principals: ["guest"], methods: ["admin"] }],
      },
    };
    const w = world([rewrite, elsewhere, access("orders", "allow", "*"), denyAdmin, ...guarded("vault")]);
    w.instance("i1", undefined, { methods: ["list", "admin", "move"] });
    const replies = [
      w.send({ principal: "guest", method: "list" }),
      w.send({ principal: "guest", method: "move" }),
      w.send({ principal: "cart", method: "list" }),
    ];
    await w.server.settle();
    assert.deepEqual(
      replies.map((reply) => w.answerTo(reply).error?.reason),
      ["denied", "denied", undefined],
    );
    assert.deepEqual(
      w.ran.map(({ subject }) => subject),
      ["mesh.run.orders.i1.cart.admin"],
    );
    w.assertClean();
  });

  test("an audited rule refuses nobody and is told", async () => {
    const { spec, ...document } = access("orders", "deny", "cart");
    const w = world([{ ...document, spec: { ...spec, mode: "audit" } }]);
    w.instance("i1");
    const reply = w.send();
    await w.server.settle();
    assert.equal(w.answerTo(reply).error, undefined);
    assert.ok(w.telemetry.lines.some(({ message }) => /audit/.test(message)));
    w.assertClean();
  });

  test("the service mesh is the router itself", async () => {
    const w = world();
    w.send({ service: "mesh", method: "policy" });
    await w.server.settle();
    assert.deepEqual(w.toMesh, ["policy"]);
  });
});

describe("labels are bounded", () => {
  test("what nobody announced is _OTHER", async () => {
    const w = world();
    w.instance("i1");
    for (let i = 0; i < 10; i++) {
      w.send({ service: `made-up-${i}` });
      w.send({ method: `made_up_${i}` });
    }
    await w.server.settle();
    assert.deepEqual(
      new Set(w.telemetry.calls.map(({ service, method }) => `${service}.${method}`)),
      new Set(["_OTHER._OTHER", "orders._OTHER"]),
    );
    w.assertClean();
  });

  test("a service a policy names is known, even at zero", async () => {
    const policy: ServicePolicyDocument = {
      apiVersion: V1,
      kind: "ServicePolicy",
      metadata: { name: "p" },
      spec: { service: "asleep" },
    };
    const w = world([policy]);
    const reply = w.send({ service: "asleep", fields: [header.timeout, "100"] });
    await w.server.settle();
    w.runtime.clock.advance(200);
    await w.server.settle();
    assert.match(w.answerTo(reply).error?.reason ?? "", /no-instance|deadline/);
    assert.equal(w.telemetry.calls[0]?.service, "asleep");
    w.assertClean();
  });
});

describe("every outcome ends the call that began", () => {
  test("application errors, thrown ones, retries, deadlines, too large a request", async () => {
    const w = world();
    const says: Record<string, Serve> = {
      ok: (_message, reply) => reply(),
      not_found: (_message, reply) =>
        reply(errorFields(new MeshError({ status: "NOT_FOUND", message: "no" }), 1), "body"),
      thrown: (_message, reply) => reply(errorFields(MeshError.of("handler", "boom", { origin: "instance" }), 1)),
      never: () => undefined,
      micro: (_message, reply) => reply(["Nats-Service-Error", "taken", "Nats-Service-Error-Code", "409"]),
      garbage: (message) =>
        w.caller.publish(message.reply, EMPTY, undefined, Buffer.from("NATS/1.0\r\nbroken\r\n\r\n")),
    };
    w.instance("i1", (message, reply) => says[parseAttemptSubject(message.subject)?.method ?? ""]?.(message, reply), {
      methods: Object.keys(says),
    });
    const replies = Object.keys(says).map((method) => w.send({ method, fields: [header.timeout, "200"] }));
    const large = w.send({ method: "ok", payload: "x".repeat(64 * 1024 - 60), headers: EMPTY });
    await w.server.settle();
    w.runtime.clock.advance(210);
    await w.server.settle();
    assert.deepEqual(
      replies.map((reply) => w.answerTo(reply).error?.reason),
      [undefined, "application", "handler", "deadline", "application", "internal"],
    );
    assert.deepEqual(
      [w.answerTo(replies[1] ?? "").payload, w.answerTo(replies[1] ?? "").value("Nats-Service-Error-Code")],
      ["body", "404"],
    );
    assert.equal(w.answerTo(replies[4] ?? "").error?.status, "ABORTED");
    assert.equal(w.answerTo(large).error?.reason, "too-large");
    assert.equal(w.telemetry.calls.length, 7);
    w.assertClean();
  });

  test("a one-way call runs, is not answered, and ends", async () => {
    const w = world(guarded("orders"));
    w.instance("i1");
    w.send({ reply: "" });
    w.send({ reply: "", principal: "guest" });
    w.send({ reply: "", service: "nowhere" });
    await w.server.settle();
    assert.deepEqual(
      [w.ran.length, w.answers.length, w.telemetry.calls.map(({ reason }) => reason).sort()],
      [1, 0, ["", "denied", "no-service"]],
    );
    w.assertClean();
  });

  test("a request that comes twice, or was declared unseen, begins nothing", async () => {
    const w = world();
    w.instance("i1", () => undefined);
    const reply = "_INBOX.cart.conn.same";
    w.send({ reply, way: "via", fields: [header.timeout, "100"] });
    w.send({ reply, way: "via" });
    w.active.probe("cart", ["burned"]);
    w.send({ reply: "_INBOX.cart.conn.burned", way: "via" });
    await w.server.settle();
    assert.equal(w.ran.length, 1);
    w.runtime.clock.advance(110);
    await w.server.settle();
    assert.deepEqual([w.answers.length, w.telemetry.calls.length], [1, 1]);
    w.assertClean();
  });

  test("a request of an SDK that is heard again after its answer, on a second connection, runs no second time", async () => {
    const w = world();
    w.instance("i1");
    const request = {
      reply: "_INBOX.cart.conn.0123456789abcdef",
      way: "via",
      fields: [header.sent, String(w.runtime.clock.stampMs())],
    } as const;
    w.broker.hearsTwice = true;
    w.send(request);
    await w.server.settle();
    w.send(request);
    await w.server.settle();
    assert.deepEqual([w.ran.length, w.answers.length], [1, 1]);
    w.assertClean();
  });

  test("what may have lain unread for all of its time while the router stood still is refused as not started", async () => {
    const w = world();
    w.instance("i1");
    w.runtime.clock.stall(3_000);
    const stale = w.send({ fields: [header.timeout, "2000"] });
    const fresh = w.send({ fields: [header.timeout, "8000"] });
    await w.server.settle();
    assert.deepEqual([w.answerTo(stale).error?.reason, w.answerTo(fresh).error], ["not-started", undefined]);
    assert.deepEqual(
      w.ran.map(({ value }) => value(header.timeout)),
      ["5020"],
      "what is left of it",
    );
    w.assertClean();
  });

  test("plain clients that count their replies from one do not get into each other's way", async () => {
    const w = world();
    w.instance("i1");
    const replies = ["_INBOX.cart.a.1", "_INBOX.cart.b.1", "_INBOX.web.a.1"];
    for (const reply of replies) w.send({ reply, principal: reply.split(".")[1] ?? "" });
    await w.server.settle();
    for (const reply of replies) assert.equal(w.answerTo(reply).error, undefined);
    w.assertClean();
  });

  test("an instance that nacks: elsewhere; the answer says how many attempts there were", async () => {
    const w = world();
    const nack: Serve = (_message, reply) =>
      reply(errorFields(MeshError.of("not-started", "full", { origin: "instance" }), 1));
    w.instance("i1", nack);
    w.instance("i2", nack);
    const reply = w.send({ fields: [header.timeout, "100"] });
    for (let i = 0; i < 30; i++) {
      await w.server.settle();
      w.runtime.clock.advance(10);
    }
    await w.server.settle();
    const { error } = w.answerTo(reply);
    assert.ok((error?.attempts ?? 0) > 1, String(error?.attempts));
    assert.equal(w.telemetry.calls[0]?.attempts, w.ran.length);
    w.assertClean();
  });

  test("a router that lost its connection answers nobody and throws nothing; the caller asks for it later", async () => {
    const w = world();
    let answer: (() => void) | undefined;
    w.instance("i1", (_message, reply) => (answer = reply));
    w.send({ way: "via", reply: "_INBOX.cart.conn.kept", fields: [header.timeout, "100"] });
    await w.server.settle();
    w.broker.disconnect();
    answer?.();
    w.runtime.clock.advance(110);
    await w.server.settle();
    assert.equal(w.answers.length, 0);
    assert.deepEqual(w.active.probe("cart", ["kept"]).done, ["kept"]);
    w.assertClean();
  });
});

describe("an idempotency key", () => {
  const keyed = (key: string): readonly string[] => ["Malla-Idempotency-Key", key, header.timeout, "1000"];

  test("runs once: whoever asks again gets the same answer, errors too", async () => {
    const w = world();
    let runs = 0;
    w.instance("i1", (_message, reply) => {
      runs++;
      if (runs === 1) reply([], "first");
      else reply(errorFields(new MeshError({ status: "NOT_FOUND", message: "no" }), 1));
    });
    const a = w.send({ fields: keyed("k1") });
    await w.server.settle();
    const again = w.send({ fields: keyed("k1") });
    const other = w.send({ fields: keyed("k2") });
    await w.server.settle();
    const otherAgain = w.send({ fields: keyed("k2") });
    await w.server.settle();
    assert.deepEqual(
      [a, again].map((reply) => w.answerTo(reply).payload),
      ["first", "first"],
    );
    assert.deepEqual(
      [other, otherAgain].map((reply) => w.answerTo(reply).error?.status),
      ["NOT_FOUND", "NOT_FOUND"],
    );
    assert.equal(runs, 2);
    w.assertClean();
  });

  test("of two at once one runs, the other waits for its answer", async () => {
    const w = world();
    const pending: (() => void)[] = [];
    w.instance("i1", (_message, reply) => void pending.push(() => reply([], "once")));
    const replies = [w.send({ fields: keyed("k") }), w.send({ fields: keyed("k") })];
    await w.server.settle();
    assert.equal(pending.length, 1);
    pending[0]?.();
    await w.server.settle();
    w.runtime.clock.advance(60);
    await w.server.settle();
    assert.deepEqual(
      replies.map((reply) => w.answerTo(reply).payload),
      ["once", "once"],
    );
    w.assertClean();
  });

  test("of a principal that has had too much kept runs once, and is not told the reply again; another's is", async () => {
    const w = world();
    let runs = 0;
    w.instance("i1", (_message, reply) => {
      runs++;
      reply([], "x".repeat(30 * 1024));
    });
    const many = Math.ceil(MAX_KEPT_BYTES_PER_PRINCIPAL / (30 * 1024));
    for (let i = 0; i < many; i++) {
      w.send({ fields: keyed(`k${i}`) });
      await w.server.settle();
    }
    const first = w.send({ fields: keyed("k0") });
    const last = w.send({ fields: keyed(`k${many - 1}`) });
    w.send({ principal: "web", fields: keyed("w") });
    await w.server.settle();
    const others = w.send({ principal: "web", fields: keyed("w") });
    await w.server.settle();
    assert.equal(runs, many + 1);
    assert.deepEqual(
      [first, last, others].map((reply) => w.answerTo(reply).error?.reason),
      [undefined, "gone", undefined],
    );
    w.assertClean();
  });

  test("of another principal is another key", async () => {
    const w = world();
    w.instance("i1");
    w.send({ fields: keyed("k") });
    w.send({ fields: keyed("k"), principal: "web" });
    await w.server.settle();
    assert.equal(w.ran.length, 2);
    w.assertClean();
  });

  test("that cannot be claimed refuses the call as not started", async () => {
    const w = world();
    w.instance("i1");
    w.bucket.failReads(1);
    const reply = w.send({ fields: keyed("k") });
    await w.server.settle();
    assert.equal(w.answerTo(reply).error?.reason, "not-started");
    assert.equal(w.ran.length, 0);
    w.assertClean();
  });

  for (const lost of ["lost", "written"] as const) {
    test(`whose reply could not be written at once (${lost}) is written later: asked again after the claim's time it does not run again`, async () => {
      const w = world();
      const pending: (() => void)[] = [];
      w.instance("i1", (_message, reply) => void pending.push(() => reply([], "once")));
      const first = w.send({ fields: keyed("k") });
      await w.server.settle();
      const [key] = (await w.bucket.keys("")) as [string];
      w.bucket.loseAnswers(key, lost, lost);
      pending[0]?.();
      await w.server.settle();
      assert.equal(w.answerTo(first).payload, "once", "who waits is answered all the same");
      for (let i = 0; i < 2; i++) {
        w.runtime.clock.advance(300);
        await w.server.settle();
      }
      w.runtime.clock.advance(10_000);
      await w.server.settle();
      const again = w.send({ fields: keyed("k") });
      await w.server.settle();
      assert.equal(w.answerTo(again).payload, "once");
      assert.equal(w.ran.length, 1);
      w.assertClean();
    });
  }

  test("is remembered as long as it must: a reply for its day, a claim of which nobody knows a minute past its end", async () => {
    const w = world();
    w.instance("i1", ({ payload }, reply) => payload.length > 0 && reply([], "done"));
    w.send({ fields: keyed("silent") });
    w.send({ fields: keyed("answered"), payload: "x" });
    await w.server.settle();
    assert.equal((await w.bucket.keys("")).length, 2);
    // Its time, two seconds of grace, and as long as a router that stood still may take to tell what became of it.
    w.runtime.clock.advance(62_900);
    await w.server.settle();
    assert.equal((await w.bucket.keys("")).length, 2);
    w.runtime.clock.advance(1_100);
    assert.equal((await w.bucket.keys("")).length, 1);
    w.runtime.clock.advance(3_600_000);
    const again = w.send({ fields: keyed("answered"), payload: "x" });
    await w.server.settle();
    assert.equal(w.answerTo(again).payload, "done");
    assert.equal(w.ran.length, 2);
    w.assertClean();
  });

  test("is free again after a refusal that proves that nothing ran", async () => {
    const w = world();
    const first = w.instance("i1", (_message, reply) =>
      reply(errorFields(MeshError.of("not-started", "full", { origin: "instance" }), 1)),
    );
    const refused = w.send({ fields: ["Malla-Idempotency-Key", "k", header.timeout, "100"] });
    for (let i = 0; i < 20; i++) {
      await w.server.settle();
      w.runtime.clock.advance(10);
    }
    await w.server.settle();
    assert.notEqual(w.answerTo(refused).error, undefined);
    await first.close();
    w.registry.forget("orders", "i1");
    w.instance("i2");
    w.runtime.clock.advance(5_000);
    const reply = w.send({ fields: keyed("k") });
    await w.server.settle();
    assert.equal(w.answerTo(reply).error, undefined);
    w.assertClean();
  });
});

test("an instance is told the priority a caller may have, not the one it asks for", async () => {
  const policy: ServicePolicyDocument = {
    apiVersion: V1,
    kind: "ServicePolicy",
    metadata: { name: "p" },
    spec: { service: "orders", maxPriority: { critical: ["web"], sheddable: ["crawler"] } },
  };
  const w = world([policy]);
  w.instance("i1");
  for (const principal of ["web", "cart", "crawler"]) w.send({ principal, fields: [header.priority, "critical"] });
  w.send({ principal: "cart", fields: [header.priority, "sheddable"] });
  await w.server.settle();
  // `default` is not written.
  assert.deepEqual(
    w.ran.map(({ value }) => value(header.priority)),
    ["critical", undefined, "sheddable", "sheddable"],
  );
  w.assertClean();
});

test("bytes are held until a call has ended, and given back then", async () => {
  const w = world([], { maxBytesPerPrincipal: 1_000 });
  let answer: (() => void) | undefined;
  w.instance("i1", (_message, reply) => (answer = reply));
  w.send({ payload: "x".repeat(900) });
  await w.server.settle();
  const refused = w.send({ payload: "x".repeat(200) });
  const other = w.send({ principal: "web", payload: "x".repeat(200), fields: [header.timeout, "100"] });
  await w.server.settle();
  assert.equal(w.answerTo(refused).error?.reason, "overloaded");
  answer?.();
  w.runtime.clock.advance(20_000);
  await w.server.settle();
  assert.notEqual(w.answerTo(other).error?.reason, "overloaded");
  w.assertClean();
});

test("an internal fault is told without its words, and logged with them", async () => {
  const w = world();
  w.registry.service = () => {
    throw new Error("a secret of the router");
  };
  const reply = w.send();
  await w.server.settle();
  assert.equal(w.answerTo(reply).error?.reason, "internal");
  assert.ok(!w.answerTo(reply).error?.message.includes("secret"));
  assert.ok(w.telemetry.lines.some(({ level }) => level === "error"));
});

describe("each refusal before anything runs is counted and told once, with who and why", () => {
  const LINE = Buffer.from("NATS/1.0\r\nX: 1\nMalla-Caller: root\r\n\r\n");
  const cases: readonly (readonly [string, Call, RefusalStage, string])[] = [
    ["a foreign reply", { reply: "mesh.run.payments.i1.cart.charge" }, "authenticate-reply", "bad-request"],
    ["a method that could not be granted", { method: "_probe" }, "authenticate-subject", "bad-request"],
    ["a malformed header block", { headers: LINE }, "open", "bad-request"],
    ["a reserved header twice", { fields: ["Malla-Key", "a", "malla-KEY", "b"] }, "open", "bad-request"],
    ["a status line", { headers: Buffer.from("NATS/1.0 503\r\n\r\n") }, "open", "bad-request"],
    ["a closed service", { service: "vault" }, "authorize", "denied"],
    ["a service that is not there", { service: "nowhere" }, "route", "no-service"],
    ["a method that is not there", { method: "nothing" }, "route", "no-method"],
  ];
  for (const [name, call, stage, reason] of cases) {
    test(name, async () => {
      const w = world([access("vault", "allow", "nobody")]);
      w.instance("i1");
      w.send(call);
      await w.server.settle();
      assert.deepEqual(w.telemetry.rejections, [{ stage, reason }]);
      assert.equal(w.telemetry.lines.length, 1);
      const { facts } = w.telemetry.lines[0] as (typeof w.telemetry.lines)[number];
      assert.deepEqual([facts["caller"] ?? facts["principal"], facts["reason"]], ["cart", reason]);
      assert.equal(w.ran.length, 0);
      w.assertClean();
    });
  }

  test("an id that runs for another principal is refused, not dropped unseen", async () => {
    const w = world();
    w.instance("i1", () => undefined);
    w.send({ way: "via", reply: "_INBOX.cart.conn.same" });
    await w.server.settle();
    const reply = w.send({ way: "via", principal: "web", reply: "_INBOX.web.conn.same" });
    await w.server.settle();
    assert.equal(w.answerTo(reply).error?.reason, "bad-request");
    assert.equal(w.ran.length, 1);
  });
});

describe("the word of an instance", () => {
  const unheard = (subject: string): Uint8Array => Buffer.from(`NATS/1.0 503\r\nNats-Subject: ${subject}\r\n\r\n`);
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ["a bare 503", Buffer.from("NATS/1.0 503\r\n\r\n")],
    ["the 503 of a call of its own", unheard("mesh.via.router-a.orders.payments.charge")],
    ["another status line", Buffer.from("NATS/1.0 408\r\n\r\n")],
    ["a broken line", Buffer.from("NATS/1.0\r\nbroken\r\n\r\n")],
  ];
  for (const [name, headers] of cases) {
    test(`${name} is no proof that nothing ran: the call is not repeated`, async () => {
      const w = world();
      const instance = w.instance("i1", (message) => instance.publish(message.reply, EMPTY, undefined, headers));
      const reply = w.send();
      await w.server.settle();
      assert.equal(w.ran.length, 1);
      assert.deepEqual([w.answerTo(reply).error?.reason, w.answerTo(reply).error?.origin], ["internal", "router"]);
      assert.deepEqual(w.telemetry.rejections, [{ stage: "reply", reason: "bad-request" }]);
      w.assertClean();
    });
  }
});
