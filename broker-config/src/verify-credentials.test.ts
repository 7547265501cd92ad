import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { issueCredentials } from "./credentials.ts";
import { ensureKeys, type Keys, retireRoleKey, rotateRoleKey } from "./keys.ts";
import { verifyCredentials } from "./verify-credentials.ts";

let home: string;
let keys: Keys;
before(async () => {
  home = await mkdtemp(join(tmpdir(), "malla-verify-"));
  keys = await ensureKeys(home);
});
after(() => rm(home, { recursive: true, force: true }));

test("what was issued is verified, with its facts", async () => {
  const request = { name: "cart", role: "direct", directTo: ["orders"], expiresInMs: 3_600_000 } as const;
  const verified = verifyCredentials(keys, await issueCredentials(keys, request));
  assert.deepEqual(
    [verified?.principal, verified?.role, verified?.account, verified?.directTo, verified?.isCurrent],
    ["cart", "direct", "MESH", ["orders"], true],
  );
  const lifeMs = (verified?.expiresAtMs ?? 0) - (verified?.issuedAtMs ?? 0);
  assert.ok(lifeMs >= 3_600_000 && lifeMs <= 3_602_000, `${lifeMs}`);
  assert.match(verified?.fingerprint ?? "", /^[0-9a-f]{64}$/);
});

test("an application's credentials, and those without an end", async () => {
  const verified = verifyCredentials(
    keys,
    await issueCredentials(keys, { name: "cart", role: "application", account: "SHOP" }),
  );
  assert.deepEqual([verified?.role, verified?.account, verified?.expiresAtMs], ["application", "SHOP", undefined]);
});

test("nothing else is: another mesh's, changed ones, another's seed, no credentials at all", async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), "malla-verify-"));
  try {
    const foreign = await issueCredentials(await ensureKeys(elsewhere), { name: "cart", role: "service" });
    assert.equal(verifyCredentials(keys, foreign), undefined);
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
  const own = await issueCredentials(keys, { name: "cart", role: "service" });
  const other = await issueCredentials(keys, { name: "cart", role: "service" });
  const jwt = /eyJ\S+/.exec(own)?.[0] as string;
  const [head, claims, signature] = jwt.split(".") as [string, string, string];
  const forged = Buffer.from(Buffer.from(claims, "base64url").toString().replace('"cart"', '"pays"')).toString(
    "base64url",
  );
  // Alone on its line: the JWT above it may have the same two letters anywhere.
  const seed = (text: string): string => /^SU\S{56}$/m.exec(text)?.[0] as string;
  for (const text of [
    "",
    "nonsense",
    own.replace(jwt, [head, forged, signature].join(".")),
    own.replace(seed(own), seed(other)),
    own.replace(jwt, `${head}.${claims}`),
  ])
    assert.equal(verifyCredentials(keys, text), undefined);
});

test("a rotated signer is not the present one, a retired one is none", async () => {
  const text = await issueCredentials(keys, { name: "cart", role: "service" });
  const rotated = await rotateRoleKey(home, "MESH", "service");
  assert.equal(verifyCredentials(rotated, text)?.isCurrent, false);
  const retired = await retireRoleKey(home, "MESH", "service");
  assert.equal(verifyCredentials(retired, text), undefined);
});
