import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readCredentials } from "@malla/sdk/contract";
import { decode } from "@nats-io/jwt";
import { fromSeed } from "@nats-io/nkeys";
import { type CredentialRequest, issueCredentials, writeCredentials } from "./credentials.ts";
import { trustChain } from "./jwts.ts";
import { accountKeys, ensureKeys, type Keys } from "./keys.ts";
import { policyPublicKey, policySigningKey } from "./policy-key.ts";
import {
  parseRouterSigner,
  readRouterSigner,
  routerSigner,
  serialiseRouterSigner,
  signRouterUser,
  writeRouterSigner,
} from "./router-signer.ts";

let home: string;
let keys: Keys;
before(async () => {
  home = await mkdtemp(join(tmpdir(), "malla-credentials-"));
  keys = await ensureKeys(home);
});
after(() => rm(home, { recursive: true, force: true }));

test("credentials say who, as what, where, and whose policy to believe", async () => {
  const read = readCredentials(
    await issueCredentials(keys, { name: "cart", role: "direct", directTo: ["orders", "orders", "pricing"] }),
  );
  assert.equal(read.principal, "cart");
  assert.equal(read.role, "direct");
  assert.equal(read.account, "MESH");
  assert.equal(read.accountKey, accountKeys(keys, "MESH").identity.publicKey);
  assert.equal(read.policyPublicKey, policyPublicKey(keys));
  assert.deepEqual(read.directTo, ["orders", "pricing"]);
  assert.equal(read.expiresAtMs, undefined);
});

test("the facts survive a tool that lower-cases tags", async () => {
  const read = readCredentials(await issueCredentials(keys, { name: "cart", role: "application" }));
  const { nats } = decode<{ tags: string[] }>(read.jwt);
  assert.deepEqual(
    nats.tags?.map((tag) => tag.toLowerCase()),
    nats.tags,
  );
  assert.equal(read.account, "SHOP");
});

test("a user carries no permissions of its own and the signature of its role's key", async () => {
  const { jwt } = readCredentials(await issueCredentials(keys, { name: "cart", role: "service" }));
  const claims = decode<Record<string, unknown>>(jwt);
  assert.deepEqual(Object.keys(claims.nats).sort(), ["issuer_account", "tags", "type", "version"]);
  const service = accountKeys(keys, "MESH").roles.find((role) => role.role === "service");
  assert.equal(claims.iss, service?.key.publicKey);
});

const refused: { request: CredentialRequest; reason: RegExp }[] = [
  ...["*", "a.b", ">", "", "Cart", "-a", "a-", "a b", "{{name()}}", "x".repeat(64)].map((name) => ({
    request: { name, role: "service" as const },
    reason: /a-z/,
  })),
  ...["mesh", "srv", "router", "operator", "guest", "application", "service"].map((name) => ({
    request: { name, role: "service" as const },
    reason: /reserved/,
  })),
  { request: { name: "router-a", role: "service" }, reason: /for routers/ },
  { request: { name: "cart", role: "router" }, reason: /router-/ },
  { request: { name: "router-a", role: "application" }, reason: /for routers/ },
  { request: { name: "cart", role: "service", directTo: ["orders"] }, reason: /only role "direct"/ },
  ...["*", ">", "a.b", "mesh", "router-a", "{{tag(direct)}}"].map((target) => ({
    request: { name: "cart", role: "direct" as const, directTo: [target] },
    reason: /direct target/,
  })),
  {
    request: { name: "cart", role: "direct", directTo: Array.from({ length: 257 }, (_, index) => `s${index}`) },
    reason: /at most 256/,
  },
  { request: { name: "cart", role: "service", edgeServices: ["orders"] }, reason: /only role "leaf"/ },
  { request: { name: "edge-1", role: "leaf" }, reason: /needs the names of the services/ },
  ...["*", ">", "mesh", "router-a", "operator"].map((service) => ({
    request: { name: "edge-1", role: "leaf" as const, edgeServices: [service] },
    reason: /can live at an edge/,
  })),
  {
    request: { name: "edge-1", role: "leaf", edgeServices: Array.from({ length: 65 }, (_, index) => `s${index}`) },
    reason: /at most 64/,
  },
  { request: { name: "cart", role: "service", account: "CTRL" }, reason: /no grants in account CTRL/ },
  { request: { name: "cart", role: "service", account: "SYS" }, reason: /no account "SYS"/ },
  { request: { name: "cart", role: "service", expiresInMs: 0 }, reason: /positive/ },
];
for (const { request, reason } of refused) {
  test(`no credentials for ${JSON.stringify(request).slice(0, 70)}`, async () => {
    await assert.rejects(issueCredentials(keys, request), reason);
  });
}

test("a role that is in one account only needs no account", async () => {
  for (const [role, account] of [
    ["runner", "FUNC"],
    ["identity", "AUTH"],
    ["scaler", "MESH"],
  ] as const) {
    assert.equal(readCredentials(await issueCredentials(keys, { name: "one", role })).account, account);
  }
  const two = await ensureKeys(home, { applications: ["BILLING"] });
  await assert.rejects(issueCredentials(two, { name: "cart", role: "application" }), /needs an account: BILLING, SHOP/);
});

test("credentials lie where they are looked for, readable by their owner alone", async () => {
  const mesh = await writeCredentials(home, { name: "cart", role: "service", expiresInMs: 1_500 });
  const shop = await writeCredentials(home, { name: "cart", role: "application", account: "SHOP" });
  assert.equal(mesh, join(home, "credentials", "cart.creds"));
  assert.equal(shop, join(home, "credentials", "cart.SHOP.creds"));
  assert.equal((await stat(mesh)).mode & 0o777, 0o600);
  const { expiresAtMs = 0 } = readCredentials(await readFile(mesh, "utf8"), mesh);
  assert.ok(expiresAtMs > Date.now() && expiresAtMs <= Date.now() + 2_500);
});

test("a router signs users of its own, and nothing else can be signed with what it holds", async () => {
  const signer = await readRouterSigner(await writeRouterSigner(home, keys));
  const users = await signRouterUser(signer, "router-a1");
  assert.deepEqual(
    Object.values(users)
      .map((text) => readCredentials(text))
      .map(({ principal, role, account }) => [principal, role, account]),
    [
      ["router-a1", "router", "MESH"],
      ["router-a1", "router", "CTRL"],
      ["router-a1", "router", "DURABLE"],
    ],
  );
  await assert.rejects(signRouterUser(signer, "cart"), /router-/);
  assert.ok(!serialiseRouterSigner(routerSigner(keys)).includes(keys.policy.seed.reveal()));
});

test("a damaged signer is refused without showing it", () => {
  const text = serialiseRouterSigner(routerSigner(keys));
  const seed = routerSigner(keys).accounts.mesh.seed.reveal();
  const damaged = [
    text.slice(0, -20),
    text.replace(seed, `${seed}X`),
    "{}",
    "null",
    text.replace('"format": 1', '"format": 2'),
    text.replace("policyPublicKey", "policy"),
  ];
  for (const bad of damaged)
    assert.throws(
      () => parseRouterSigner(bad, "signer.json"),
      (error: Error) => error.message.startsWith("signer.json") && !error.message.includes(seed),
    );
});

test("the two halves of the key that signs policy fit", () => {
  const seed = new TextEncoder().encode(policySigningKey(keys).reveal());
  assert.equal(fromSeed(seed).getPublicKey(), policyPublicKey(keys));
});

test("account JWTs: templates without response permissions, ordinary connections only, JetStream where it belongs", async () => {
  const trust = await trustChain(keys);
  for (const account of keys.accounts) {
    const { nats } = decode<{
      limits: Record<string, number>;
      signing_keys: { role: string; template: Record<string, unknown> }[];
    }>(trust.accounts.get(account.identity.publicKey) as string);
    assert.equal(nats.signing_keys?.length, account.roles.length);
    for (const { role, template } of nats.signing_keys ?? []) {
      assert.ok(!("resp" in template), `${role} in ${account.name}`);
      assert.deepEqual(template.allowed_connection_types, [role === "leaf" ? "LEAFNODE" : "STANDARD"]);
      for (const list of [template.pub, template.sub] as { allow: string[] }[]) assert.ok(list.allow.length > 0);
    }
    assert.equal(nats.limits?.leaf, 0);
    assert.equal((nats.limits?.disk_storage ?? 0) > 0, !["MESH", "AUTH"].includes(account.name), account.name);
  }
  const operator = decode<Record<string, unknown>>(trust.operator);
  assert.equal(operator.nats.strict_signing_key_usage, true);
});

test("leaf nodes may join MESH alone, and only where they are asked for", async () => {
  const { accounts } = await trustChain(keys, { leafNodes: 3 });
  for (const account of keys.accounts) {
    const { nats } = decode<{ limits: { leaf: number } }>(accounts.get(account.identity.publicKey) as string);
    assert.equal(nats.limits?.leaf, account.name === "MESH" ? 3 : 0, account.name);
  }
});

test("the operator's JWT stays the same while it fits, since a running server takes no other", async () => {
  const { operator } = await trustChain(keys);
  assert.equal((await trustChain(keys, { earlier: [operator] })).operator, operator);
  const other = await trustChain({ ...keys, system: keys.policy }, { earlier: [operator] }).catch(() => undefined);
  assert.notEqual(other?.operator, operator);
  assert.notEqual((await trustChain(keys, { earlier: ["nonsense"] })).operator, "nonsense");
});
