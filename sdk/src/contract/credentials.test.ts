import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { CredentialsError, credentialTags, readCredentials } from "./credentials.ts";

const SEED = `SU${"A2".repeat(28)}`;
const ACCOUNT_KEY = `A${"B3".repeat(27)}B`;
const POLICY_KEY = `U${"C4".repeat(27)}C`;
const FACTS = { role: "direct", account: "MESH", policyKey: POLICY_KEY, directTo: ["orders"] } as const;

interface Parts {
  readonly claims?: unknown;
  readonly seed?: string;
  readonly jwt?: string;
}

function claimsWith(nats: Record<string, unknown>, rest: Record<string, unknown> = {}): unknown {
  return { name: "cart", iss: ACCOUNT_KEY, nats: { type: "user", tags: credentialTags(FACTS), ...nats }, ...rest };
}

function file({ claims = claimsWith({}), seed = SEED, jwt }: Parts = {}): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = jwt ?? `${part({ typ: "JWT" })}.${part(claims)}.c2ln`;
  return `-----BEGIN NATS USER JWT-----\n${token}\n------END NATS USER JWT------\n\nKeep this secret.\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
}

test("reads who, as what, where, and the pieces that prove it", () => {
  for (const text of [file(), file().replaceAll("\n", "\r\n"), new TextEncoder().encode(file())]) {
    const { seed, jwt, ...facts } = readCredentials(text);
    assert.deepEqual(facts, {
      principal: "cart",
      role: "direct",
      account: "MESH",
      accountKey: ACCOUNT_KEY,
      policyPublicKey: POLICY_KEY,
      directTo: ["orders"],
      issuedAtMs: undefined,
      expiresAtMs: undefined,
    });
    assert.equal(seed.reveal(), SEED);
    assert.equal(jwt.split(".").length, 3);
  }
});

test("reads the account that issued for another key, expiry, and credentials of other issuers", () => {
  const other = `A${"D5".repeat(27)}D`;
  const read = readCredentials(
    file({ claims: claimsWith({ issuer_account: other, tags: undefined }, { exp: 1_700_000_000 }) }),
  );
  assert.equal(read.accountKey, other);
  assert.equal(read.expiresAtMs, 1_700_000_000_000);
  assert.deepEqual(
    [read.role, read.account, read.policyPublicKey, read.directTo],
    [undefined, undefined, undefined, []],
  );
});

const bad: { name: string; text: string; reason: RegExp }[] = [
  { name: "nothing", text: "", reason: /no block "NATS USER JWT"/ },
  { name: "a seed alone", text: file().slice(file().indexOf("Keep")), reason: /no block "NATS USER JWT"/ },
  { name: "a file cut off", text: file().slice(0, -20), reason: /no block "USER NKEY SEED"/ },
  { name: "a seed of an account", text: file({ seed: SEED.replace("SU", "SA") }), reason: /holds no user seed/ },
  { name: "two parts", text: file({ jwt: "a.b" }), reason: /2 parts/ },
  { name: "claims that are no JSON", text: file({ jwt: "a.b.c" }), reason: /cannot be read/ },
  { name: "claims that are a list", text: file({ claims: [] }), reason: /cannot be read/ },
  { name: "an account's JWT", text: file({ claims: claimsWith({ type: "account" }) }), reason: /not of a user/ },
  { name: "no name", text: file({ claims: claimsWith({}, { name: "" }) }), reason: /names nobody/ },
  { name: "no account", text: file({ claims: claimsWith({}, { iss: "O1" }) }), reason: /names no account/ },
  {
    name: "a policy key cut off",
    text: file({ claims: claimsWith({ tags: ["policy-key:uabc"] }) }),
    reason: /"policy-key"/,
  },
];
for (const { name, text, reason } of bad) {
  test(`refuses ${name}, without showing the seed`, () => {
    assert.throws(
      () => readCredentials(text, "x.creds"),
      (error: Error) => {
        assert.ok(error instanceof CredentialsError);
        assert.match(error.message, /^x\.creds: .*malla credentials issue/);
        assert.match(error.message, reason);
        return !inspect(error).includes(SEED.slice(2));
      },
    );
  });
}

test("a file of dashes is refused in a time that goes with its length", () => {
  const before = process.cpuUsage();
  assert.throws(() => readCredentials("-".repeat(100_000)), CredentialsError);
  // It took seven seconds.
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 1_000_000, `${user + system} µs of CPU`);
});
