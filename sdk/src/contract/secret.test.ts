import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";
import { Secret } from "./secret.ts";

const CANARY = "canary-8f3a";

test("a secret shows itself in no text", () => {
  const secret = new Secret(CANARY);
  const texts = [
    String(secret),
    `${secret}`,
    `x${secret as unknown as string}`,
    secret.toString(),
    JSON.stringify({ secret, list: [secret] }),
    inspect(secret),
    inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
    format("%s %o %O %j", secret, secret, secret, secret),
    JSON.stringify(Object.entries(secret)),
    JSON.stringify({ ...secret }),
    JSON.stringify(structuredClone(secret)),
    new Error(`with ${secret}`).message,
  ];
  for (const text of texts) assert.equal(text.includes(CANARY), false, text);
  assert.equal(`${secret}`, "[redacted]");
  assert.equal(Number.isNaN(Number(secret)), true);
});

test("reveal is the way out, for secrets alone", () => {
  assert.equal(new Secret(CANARY).reveal(), CANARY);
  assert.throws(() => Secret.prototype.reveal.call({} as Secret), TypeError);
});
