import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ensureKeys, type Keys, rotateRoleKey, verifyCredentials } from "@malla/broker-config";
import { readCredentials } from "@malla/sdk/contract";
import type { CredentialsSecret } from "./credentials-secret.ts";
import { deployment, meshService } from "./objects.test.fixture.ts";
import { type Issuer, planSecret, type SecretPlan } from "./plan-secret.ts";
import type { WantedIdentity } from "./wanted-identities.ts";

const HOUR_MS = 3_600_000;
let home: string;
let keys: Keys;
before(async () => {
  home = await mkdtemp(join(tmpdir(), "malla-identity-"));
  keys = await ensureKeys(home);
});
after(() => rm(home, { recursive: true, force: true }));

const WANTED: WantedIdentity = {
  namespace: "shop",
  service: "orders",
  role: "service",
  directTo: [],
  application: undefined,
  lifetimeMs: 24 * HOUR_MS,
  owners: [meshService({}), deployment({ "malla.dev/service": "orders" })],
};

function issuerOf(some: Partial<Issuer> = {}): Issuer {
  const used = some.keys ?? keys;
  return {
    keys: used,
    verify: (text) => verifyCredentials(used, text),
    url: "nats://nats:4222",
    ca: undefined,
    ...some,
  };
}

async function plan(
  wanted: Partial<WantedIdentity> = {},
  secret?: CredentialsSecret,
  issuer = issuerOf(),
  nowMs = Date.now(),
): Promise<Extract<SecretPlan, { refused: undefined }>> {
  const planned = await planSecret({ ...WANTED, ...wanted }, secret, issuer, nowMs);
  assert.equal(planned.refused, undefined);
  return planned as Extract<SecretPlan, { refused: undefined }>;
}

function text(secret: CredentialsSecret | undefined, key: string): string {
  return Buffer.from(secret?.data?.[key] ?? "", "base64").toString("utf8");
}

test("a new Secret: credentials, URL, labels, owners", async () => {
  const { write, issued, expiresAtMs } = await plan({}, undefined, issuerOf({ ca: "PEM" }));
  assert.equal(issued, "there are none");
  assert.deepEqual([write?.metadata.name, write?.metadata.namespace, write?.type], ["malla-orders", "shop", "Opaque"]);
  assert.deepEqual(write?.metadata.labels, {
    "app.kubernetes.io/managed-by": "malla-operator",
    "malla.dev/service": "orders",
  });
  assert.deepEqual(
    write?.metadata.ownerReferences?.map(({ kind, name, uid }) => [kind, name, uid]),
    [
      ["Deployment", "orders", "Deployment-shop-orders"],
      ["MeshService", "orders", "MeshService-shop-orders"],
    ],
  );
  assert.deepEqual(Object.keys(write?.data ?? {}), ["ca.crt", "service.creds", "NATS_URL"]);
  assert.deepEqual([text(write, "NATS_URL"), text(write, "ca.crt")], ["nats://nats:4222", "PEM"]);
  const { principal, role, account } = readCredentials(text(write, "service.creds"));
  assert.deepEqual([principal, role, account], ["orders", "service", "MESH"]);
  assert.ok(Math.abs((expiresAtMs ?? 0) - Date.now() - 24 * HOUR_MS) < 60_000);
});

test("direct targets and an application account", async () => {
  const { write } = await plan({ role: "direct", directTo: ["cart"], application: "SHOP" });
  assert.deepEqual(readCredentials(text(write, "service.creds")).directTo, ["cart"]);
  const { principal, role, account } = readCredentials(text(write, "application.creds"));
  assert.deepEqual([principal, role, account], ["orders", "application", "SHOP"]);
});

test("a Secret as it should be is left alone, until two thirds of its life", async () => {
  const { write } = await plan();
  assert.deepEqual(await plan({}, write), {
    refused: undefined,
    write: undefined,
    issued: undefined,
    expiresAtMs: (await plan({}, write)).expiresAtMs,
  });
  const early = await plan({}, write, issuerOf(), Date.now() + (24 * (2 / 3 - 1 / 20) - 0.1) * HOUR_MS);
  assert.equal(early.issued, undefined);
  const due = await plan({}, write, issuerOf(), Date.now() + 16.1 * HOUR_MS);
  assert.equal(due.issued, "two thirds of their life are over");
  assert.notEqual(text(due.write, "service.creds"), text(write, "service.creds"));
});

test("what was issued together is renewed apart, each at an instant that a restart does not change", async () => {
  const { renewalInstant } = await import("./renew.ts");
  const instants = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const verified = verifyCredentials(keys, text((await plan()).write, "service.creds"));
      assert.ok(verified !== undefined);
      assert.equal(renewalInstant(verified), renewalInstant(verified));
      return (renewalInstant(verified) - verified.issuedAtMs) / HOUR_MS;
    }),
  );
  assert.equal(new Set(instants).size, instants.length);
  for (const hours of instants) assert.ok(hours >= 24 * (2 / 3 - 1 / 20) && hours <= 16.001, `${hours}`);
});

const changes: readonly [string, Partial<WantedIdentity>, string][] = [
  ["role", { role: "direct" }, "their role is another"],
  ["a shorter life", { lifetimeMs: HOUR_MS }, "they live longer than is wanted"],
  ["an application", { application: "SHOP" }, "there are none"],
];
for (const [what, wanted, reason] of changes) {
  test(`issued anew for ${what}`, async () => {
    const { write } = await plan();
    assert.equal((await plan(wanted, write)).issued, reason);
  });
}

test("issued anew for other targets, after damage, in another name, and when the signer changes", async () => {
  const { write } = await plan({ role: "direct", directTo: ["cart"] });
  assert.equal((await plan({ role: "direct", directTo: ["pay"] }, write)).issued, "their direct targets are others");
  const damaged = { ...(write as CredentialsSecret), data: { ...write?.data, "service.creds": "bm9uc2Vuc2U=" } };
  assert.equal(
    (await plan({ role: "direct", directTo: ["cart"] }, damaged)).issued,
    "they are damaged, or not issued here",
  );
  const other = (await plan({ service: "cart" })).write;
  const renamed = { ...(write as CredentialsSecret), data: { ...other?.data } };
  assert.equal((await plan({}, renamed)).issued, "they are damaged, or not issued here");
  const mine = (await plan()).write;
  const rotated = await rotateRoleKey(home, "MESH", "service");
  const after = await plan({}, mine, issuerOf({ keys: rotated }));
  assert.equal(after.issued, "a key that signs has changed");
  assert.notEqual(verifyCredentials(rotated, text(after.write, "service.creds")), undefined);
  keys = rotated;
});

test("another URL, CA or owner is written at once, with the same credentials", async () => {
  const { write } = await plan();
  for (const next of [
    await plan({}, write, issuerOf({ url: "tls://nats:4222" })),
    await plan({}, write, issuerOf({ ca: "PEM" })),
    await plan({ owners: [meshService({})] }, write),
  ]) {
    assert.equal(next.issued, undefined);
    assert.notEqual(next.write, undefined);
    assert.equal(text(next.write, "service.creds"), text(write, "service.creds"));
  }
});

test("the version that was seen is replaced, and what others put there stays", async () => {
  const { write } = await plan();
  const metadata = {
    ...(write as CredentialsSecret).metadata,
    resourceVersion: "7",
    uid: "u",
    annotations: { a: "b" },
  };
  const seen = {
    ...(write as CredentialsSecret),
    metadata: { ...metadata, labels: { ...metadata.labels, team: "x" } },
  };
  const next = (await plan({}, seen, issuerOf({ url: "nats://other" }))).write;
  assert.deepEqual([next?.metadata.resourceVersion, next?.metadata.annotations], ["7", { a: "b" }]);
  assert.equal(next?.metadata.labels?.["team"], "x");
});

test("a Secret of somebody else is never touched", async () => {
  const { write } = await plan();
  for (const labels of [undefined, {}, { ...write?.metadata.labels, "malla.dev/service": "cart" }]) {
    const foreign = { ...(write as CredentialsSecret), metadata: { name: "malla-orders", namespace: "shop", labels } };
    const planned = await planSecret(WANTED, foreign as CredentialsSecret, issuerOf(), Date.now());
    assert.equal(planned.refused?.reason, "SecretConflict");
  }
});

test("an account there is not is refused by name", async () => {
  const planned = await planSecret({ ...WANTED, application: "BILLING" }, undefined, issuerOf(), Date.now());
  assert.match(planned.refused?.message ?? "", /no application account BILLING; there are: SHOP/);
});
