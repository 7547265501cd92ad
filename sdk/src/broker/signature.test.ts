import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { createAccount, createUser, fromPublic } from "@nats-io/nkeys";
import { isSignedBy, signBytes } from "./signature.ts";

const text = Buffer.from("what holds");

test("what a key signed is its, as the keys' own package says too", () => {
  for (const key of [createUser(), createAccount(), createUser()]) {
    const publicKey = key.getPublicKey();
    const signature = signBytes(key.getSeed(), text);
    assert.ok(isSignedBy(publicKey, text, signature));
    assert.ok(fromPublic(publicKey).verify(text, signature));
    assert.ok(!isSignedBy(createUser().getPublicKey(), text, signature));
    assert.ok(!isSignedBy(publicKey, Buffer.from("what held"), signature));
  }
});

test("what is no key or no signature has signed nothing", () => {
  const key = createUser();
  const signature = signBytes(key.getSeed(), text);
  const publicKey = key.getPublicKey();
  const flipped = Uint8Array.from(signature);
  flipped[3] = (flipped[3] as number) ^ 1;
  for (const bad of [flipped, signature.subarray(1), new Uint8Array(0)])
    assert.equal(isSignedBy(publicKey, text, bad), false);
  for (const bad of ["", "nonsense", `${publicKey}AAAA`, publicKey.toLowerCase(), `${publicKey.slice(0, -1)}!`])
    assert.equal(isSignedBy(bad, text, signature), false, bad);
});
