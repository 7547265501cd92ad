import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { matchesSubject } from "../testing/memory-broker.ts";
import {
  callSubject,
  cancelSubject,
  directSubject,
  framesSubject,
  inboxSubject,
  instanceSubject,
  isPlainSubject,
  isReplyOf,
  PROBE_METHOD,
  parseAttemptSubject,
  parseCallSubject,
  parseCancelSubject,
  parseFramesSubject,
  parseInstanceSubject,
  parseReplySubject,
  parseRouterSubject,
  parseServiceInbox,
  parseStream,
  provenPrincipal,
  replyIdOf,
  replySubject,
  routerSubject,
  runSubject,
  serviceInboxSubject,
  serviceQuestion,
  serviceSubjects,
  streamName,
  subscriptions,
  viaSubject,
} from "./subjects.ts";

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const method = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,10}$/);
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,24}$/);
const matches = (pattern: string, subject: string): boolean => matchesSubject(pattern.split("."), subject.split("."));

describe("what was built is parsed", () => {
  test("calls, over both ways", () => {
    fc.assert(
      fc.property(label, label, label, method, (router, principal, service, name) => {
        const call = callSubject(principal, service, name);
        const via = viaSubject(router, principal, service, name);
        const target = { principal, service, method: name };
        assert.deepEqual(parseCallSubject(call), target);
        assert.deepEqual(parseCallSubject(via), target);
        assert.ok(matches(subscriptions.calls, call));
        assert.ok(matches(subscriptions.via(router), via));
        assert.equal(parseAttemptSubject(call), undefined);
        assert.equal(parseReplySubject(call), undefined);
      }),
    );
  });

  test("attempts and probes", () => {
    fc.assert(
      fc.property(
        label,
        label,
        label,
        fc.oneof(method, fc.constant(PROBE_METHOD)),
        (service, instance, principal, name) => {
          const target = { service, instance, principal, method: name };
          const run = runSubject(service, instance, principal, name);
          const direct = directSubject(service, instance, principal, name);
          assert.deepEqual(parseAttemptSubject(run), { kind: "run", ...target });
          assert.deepEqual(parseAttemptSubject(direct), { kind: "direct", ...target });
          assert.ok(matches(subscriptions.run(service, instance), run));
          assert.ok(matches(subscriptions.direct(service, instance), direct));
          assert.equal(parseCallSubject(run), undefined);
        },
      ),
    );
  });

  test("replies, cancels, announcements, inboxes", () => {
    fc.assert(
      fc.property(label, label, id, (router, name, token) => {
        const reply = replySubject(router, name, token);
        assert.deepEqual(parseReplySubject(reply), { router, service: name, id: token });
        assert.equal(replyIdOf(reply), token);
        assert.ok(matches(subscriptions.replies(router), reply));
        const cancel = cancelSubject(router, name, token);
        assert.deepEqual(parseCancelSubject(cancel), { principal: name, call: token });
        assert.ok(matches(subscriptions.cancels(router), cancel));
        assert.deepEqual(parseInstanceSubject(instanceSubject(name, router)), { service: name, instance: router });
        assert.ok(matches(subscriptions.instances, instanceSubject(name, router)));
        assert.equal(parseRouterSubject(routerSubject(router)), router);
        assert.ok(matches(subscriptions.routers, routerSubject(router)));
        const inbox = inboxSubject(name, token, token);
        assert.ok(isReplyOf(name, inbox));
        assert.ok(matches(subscriptions.inbox(name, token), inbox));
      }),
    );
  });
});

describe("hostile subjects are never parsed", () => {
  const parsers = {
    parseCallSubject,
    parseAttemptSubject,
    parseReplySubject,
    parseInstanceSubject,
    parseRouterSubject,
    parseCancelSubject,
  };
  const GOOD = [
    callSubject("cart", "orders", "place"),
    viaSubject("router-1", "cart", "orders", "place"),
    runSubject("orders", "i1", "cart", "place"),
    directSubject("orders", "i1", "cart", "place"),
    replySubject("router-1", "orders", "id"),
    instanceSubject("orders", "i1"),
    routerSubject("router-1"),
    cancelSubject("router-1", "cart", "id"),
  ];
  const anyParser = (subject: string): boolean => Object.values(parsers).some((parse) => parse(subject) !== undefined);

  test("each good one has exactly one parser", () => {
    for (const subject of GOOD)
      assert.equal(Object.values(parsers).filter((parse) => parse(subject) !== undefined).length, 1, subject);
  });

  for (const token of ["", "*", ">", " ", "a b", "a\n", "\u0000", "ą", "A.B", "x".repeat(200)]) {
    test(`a token ${JSON.stringify(token.slice(0, 8))} in any place`, () => {
      for (const subject of GOOD) {
        const tokens = subject.split(".");
        for (let i = 0; i < tokens.length; i++) {
          // The router's name in `via` and `cancel` is the subscriber's own; the broker has matched it.
          const own = i === 2 && (tokens[1] === "via" || tokens[1] === "cancel");
          const hostile = tokens.with(i, token).join(".");
          if (!own) assert.ok(!anyParser(hostile), JSON.stringify(hostile));
        }
      }
    });
  }

  test("a token too few or too many", () => {
    for (const subject of GOOD) {
      const tokens = subject.split(".");
      const names = Object.entries(parsers).filter(([, parse]) => parse(subject) !== undefined);
      for (const [name, parse] of names) {
        assert.equal(parse(tokens.slice(0, -1).join(".")), undefined, `${name} short`);
        assert.equal(parse(`${subject}.more`), undefined, `${name} long`);
        assert.equal(parse(`x.${subject}`), undefined, `${name} shifted`);
      }
    }
  });

  test("whatever it is, what is parsed can be built again", () => {
    const piece = fc.oneof(label, method, id, fc.constantFrom("mesh", "call", "via", "run", "*", ">", "", "_probe"));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 8 }).map((tokens) => tokens.join(".")),
        ),
        (subject) => {
          const call = parseCallSubject(subject);
          if (call !== undefined) assert.ok(subject.endsWith(`.${call.principal}.${call.service}.${call.method}`));
          const attempt = parseAttemptSubject(subject);
          if (attempt !== undefined) {
            const build = attempt.kind === "run" ? runSubject : directSubject;
            assert.equal(build(attempt.service, attempt.instance, attempt.principal, attempt.method), subject);
          }
        },
      ),
    );
  });
});

describe("a reply subject is input", () => {
  const OK = ["_INBOX.cart.x", "_INBOX.cart.conn.id", "_INBOX.cart.a.b.c.d"];
  const BAD = [
    "",
    "_INBOX.cart",
    "_INBOX.cart.",
    "_INBOX.cart..x",
    "_INBOX.cart.x.",
    "_INBOX.cart.*",
    "_INBOX.cart.>",
    "_INBOX.cart.x y",
    "_INBOX.cart.x\r\nPUB evil",
    "_INBOX.cartx.a",
    "_INBOX.orders.x",
    "_inbox.cart.x",
    "mesh.run.orders.i1.cart.place",
    "mesh.policy.live",
    `_INBOX.cart.${"x".repeat(512)}`,
  ];
  for (const reply of OK) test(`passes ${reply}`, () => assert.ok(isReplyOf("cart", reply)));
  for (const reply of BAD)
    test(`refuses ${JSON.stringify(reply.slice(0, 40))}`, () => assert.ok(!isReplyOf("cart", reply)));
});

describe("a direct call's reply", () => {
  test("is the caller's inbox for that service, and names the call", () => {
    assert.equal(parseServiceInbox("cart", "orders", serviceInboxSubject("cart", "orders", "c-1", "id_2")), "id_2");
  });
  const BAD = [
    "",
    "_INBOX.cart.orders.conn",
    "_INBOX.cart.orders.conn.",
    "_INBOX.cart.orders..id",
    "_INBOX.cart.orders.conn.id.more",
    "_INBOX.cart.orders.conn.*",
    "_INBOX.cart.orders.*.id",
    "_INBOX.cart.orders.conn.i d",
    "_INBOX.cart.billing.conn.id",
    "_INBOX.web.orders.conn.id",
    "_INBOX.cart.ordersx.conn.id",
    "_INBOX.cart.conn.id",
    "mesh.reply.router-a.orders.id",
  ];
  for (const reply of BAD)
    test(`refuses ${JSON.stringify(reply)}`, () => assert.equal(parseServiceInbox("cart", "orders", reply), undefined));
});

test("a plain subject has no wildcard, blank or empty token", () => {
  for (const subject of ["a", "a.b", "$SRV.PING"]) assert.ok(isPlainSubject(subject), subject);
  for (const subject of ["", ".", "a.", ".a", "a..b", "*", "a.*", "a.>", "a b", "a\t"])
    assert.ok(!isPlainSubject(subject), subject);
});

test("a long subject does not make the check slow", () => {
  const started = performance.now();
  isPlainSubject(`${"a.".repeat(200_000)}*`);
  isPlainSubject("a".repeat(400_000));
  assert.ok(performance.now() - started < 500);
});

test("the subjects of the micro protocol", () => {
  assert.deepEqual(serviceSubjects("INFO", "orders", "i1"), ["$SRV.INFO", "$SRV.INFO.orders", "$SRV.INFO.orders.i1"]);
  assert.equal(serviceQuestion("PING"), "$SRV.PING");
  assert.equal(serviceQuestion("INFO", "orders"), "$SRV.INFO.orders");
});

test("whom a subject proves is told however malformed the rest of it is, and nobody where it proves nobody", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["mesh.call.cart.*.place", "cart"],
    ["mesh.call.cart.orders", "cart"],
    ["mesh.via.router-a.cart.orders.place.more.and.more", "cart"],
    ["mesh.cancel.router-a.cart.$", "cart"],
    ["mesh.reply.router-a.orders.$", "orders"],
    ["mesh.instance.orders.*", "orders"],
    ["mesh.run.orders.i1.cart._nonsense", "cart"],
    ["mesh.call.*.orders.place", ""],
    ["mesh.call", ""],
    ["mesh.policy.live", ""],
    ["mesh.constructor.a.b", ""],
    ["other.call.cart.orders.place", ""],
    ["", ""],
  ];
  for (const [subject, want] of cases) assert.equal(provenPrincipal(subject), want, subject);
});

test("a stream's name is its connection and its id, whatever stands in them", () => {
  const id = "-_23456789abcde-";
  assert.deepEqual(parseStream(streamName("a-b_c-", id)), { connection: "a-b_c-", id });
  for (const name of [
    "",
    "conn",
    `-${id}`,
    `conn-${id}x`.slice(1, 4),
    `a.b-${id}`,
    `c*-${id}`,
    `${"c".repeat(65)}-${id}`,
  ])
    assert.equal(parseStream(name), undefined, name);
});

test("a frame's subject says who sends it, to whom, and in which stream", () => {
  const stream = "conn-0123456789abcdef";
  const target = { service: "orders", instance: "i1", principal: "cart", stream };
  const subject = framesSubject("orders", "i1", "cart", stream);
  assert.deepEqual(parseFramesSubject(subject), target);
  assert.equal(provenPrincipal(subject), "cart");
  for (const wrong of [
    `${subject}.x`,
    subject.replace("frames", "run"),
    subject.replace("cart", "*"),
    subject.replace("orders", "Orders"),
    subject.replace("i1", "i 1"),
    "mesh.frames.orders.i1.cart.short",
    "",
  ])
    assert.equal(parseFramesSubject(wrong), undefined, wrong);
});
