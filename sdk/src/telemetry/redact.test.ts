import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MeshError } from "../contract/mesh-error.ts";
import { Secret } from "../contract/secret.ts";
import { isSecretName, redactText, redactValue } from "./redact.ts";

const SEED = `SU${"A2".repeat(28)}`;

const shapes = [
  { name: "bearer", text: "sent Bearer abc.def-123456 on", want: "sent [redacted] on" },
  { name: "basic, any case", text: "BASIC dXNlcjpwYXNz", want: "[redacted]" },
  { name: "a JWT", text: "got eyJhbGciOi.eyJzdWIi.c2ln!", want: "got [redacted]!" },
  { name: "an nkey seed", text: `seed ${SEED}.`, want: "seed [redacted]." },
  {
    name: "a password in a URL",
    text: "nats://user:hunter2@host:4222 refused",
    want: "nats://user:[redacted]@host:4222 refused",
  },
  { name: "a token in a URL", text: "nats://:hunter2@host", want: "nats://:[redacted]@host" },
  {
    name: "a creds file",
    text: `-----BEGIN USER NKEY SEED-----\n${SEED}\n------END USER NKEY SEED------`,
    want: "[redacted]",
  },
  { name: "a private key cut off", text: "x -----BEGIN PRIVATE KEY-----\nMIIE", want: "x [redacted]" },
  {
    name: "plain text",
    text: "the bearer of news at nats://host:4222/a@b",
    want: "the bearer of news at nats://host:4222/a@b",
  },
];

for (const { name, text, want } of shapes) test(`redactText: ${name}`, () => assert.equal(redactText(text), want));

test("long texts are cut", () => {
  assert.equal(redactText("a".repeat(9000)).length, 8192 + "… (808 more)".length);
});

test("secret names are known in any spelling", () => {
  for (const name of ["Authorization", "PROXY-AUTHORIZATION", "set-cookie", "access_token", "apiKey", "Malla-Claims"]) {
    assert.equal(isSecretName(name), true, name);
  }
  for (const name of ["author", "tokens", "key", "traceparent", "secretary"])
    assert.equal(isSecretName(name), false, name);
});

test("values go by name at any depth, and header lists by what stands before", () => {
  const given = {
    headers: { Authorization: "x1", accept: "y" },
    list: [{ password: "x2" }],
    block: { fields: ["authorization", "x3", "accept", "y"] },
    map: new Map([["cookie", "x4"]]),
    wrapped: new Secret("x5"),
    bytes: new Uint8Array(3),
    big: 5n,
    absent: { token: undefined },
  };
  assert.deepEqual(redactValue(given), {
    headers: { Authorization: "[redacted]", accept: "y" },
    list: [{ password: "[redacted]" }],
    block: { fields: ["authorization", "[redacted]", "accept", "y"] },
    map: { cookie: "[redacted]" },
    wrapped: "[redacted]",
    bytes: "[3 bytes]",
    big: "5",
    absent: { token: undefined },
  });
});

test("errors become facts, with their causes and without their secrets", () => {
  const cause = Object.assign(new Error("login as Bearer abcdefgh1 failed"), { token: "canary" });
  const error = new MeshError({ status: "UNAVAILABLE", reason: "gone", message: "lost", cause });
  const facts = redactValue(error) as Record<string, unknown>;
  assert.deepEqual(
    [facts.type, facts.message, facts.status, facts.reason],
    ["MeshError", "lost", "UNAVAILABLE", "gone"],
  );
  const below = facts.cause as Record<string, unknown>;
  assert.equal(below.message, "login as [redacted] failed");
  assert.equal(below.token, "[redacted]");
  assert.doesNotMatch(JSON.stringify(facts), /canary|abcdefgh1/);
});

test("cycles, depth and hostile getters do not break a line", () => {
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  assert.deepEqual(redactValue(loop), { self: "[circular]" });
  const hostile = {
    get bad(): never {
      throw new Error("no");
    },
  };
  assert.equal(redactValue(hostile), "[unreadable]");
  let deep: unknown = "end";
  for (let i = 0; i < 20; i++) deep = { deep };
  assert.match(JSON.stringify(redactValue(deep)), /\[too deep\]/);
});

test("whatever is given, it does not throw and can be written as JSON", () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
      (value) => {
        JSON.stringify(redactValue(value));
      },
    ),
  );
});

test("a canary under a secret name is gone, wherever it stands", () => {
  const canary = "canary-8f3a";
  const leaf = fc.constantFrom({ authorization: canary }, { Cookie: canary }, ["Authorization", canary], {
    s: new Secret(canary),
  });
  const tree = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.record({ a: tie("node"), b: tie("node") }),
      fc.array(tie("node"), { maxLength: 3 }),
    ),
  })).node;
  fc.assert(fc.property(tree, (value) => assert.doesNotMatch(JSON.stringify(redactValue(value)), /canary/)));
});
