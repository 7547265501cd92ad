import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { inspect } from "node:util";
import { accountKeys, ensureKeys, type Keys, keysFolder, retireRoleKey, roleKey, rotateRoleKey } from "./keys.ts";

async function homeFor(context: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "malla-keys-"));
  context.after(() => rm(home, { recursive: true, force: true }));
  return home;
}

const publicKeys = (keys: Keys): string[] => [
  keys.operator.publicKey,
  keys.policy.publicKey,
  ...keys.accounts.flatMap((account) => [
    account.identity.publicKey,
    ...account.roles.map((role) => role.key.publicKey),
  ]),
];

test("keys are made once, for their owner alone, by however many at a time", async (context) => {
  const home = await homeFor(context);
  const [first, ...others] = await Promise.all(Array.from({ length: 4 }, () => ensureKeys(home)));
  for (const keys of [...others, await ensureKeys(home)]) assert.deepEqual(publicKeys(keys), publicKeys(first as Keys));
  assert.equal(new Set(publicKeys(first as Keys)).size, publicKeys(first as Keys).length);
  assert.equal((await stat(keysFolder(home))).mode & 0o777, 0o700);
  for (const name of await readdir(keysFolder(home))) {
    assert.match(name, /\.(nk|secret)$/, "no drafts are left");
    assert.equal((await stat(join(keysFolder(home), name))).mode & 0o777, 0o600);
  }
});

test("keys do not print", async (context) => {
  const keys = await ensureKeys(await homeFor(context));
  const seed = keys.operator.seed.reveal();
  for (const text of [inspect(keys, { depth: 10, showHidden: true }), JSON.stringify(keys), String(keys.operator.seed)])
    assert.ok(!text.includes(seed));
});

test("application accounts are added and stay", async (context) => {
  const home = await homeFor(context);
  await ensureKeys(home, { applications: ["BILLING"] });
  const names = (await ensureKeys(home)).accounts.map((account) => account.name);
  assert.deepEqual(names, ["MESH", "CTRL", "LEASE", "DURABLE", "FUNC", "AUTH", "BILLING", "SHOP"]);
  for (const name of ["MESH", "SYS", "shop", "../X", ""])
    await assert.rejects(ensureKeys(home, { applications: [name] }), /cannot be an application account/);
});

test("a damaged key is named, kept, and not printed", async (context) => {
  const home = await homeFor(context);
  await ensureKeys(home);
  const file = join(keysFolder(home), "MESH.service.nk");
  const damaged = (await readFile(file, "utf8")).slice(0, 20);
  await writeFile(file, damaged);
  await assert.rejects(
    ensureKeys(home),
    (error: Error) => error.message.includes(file) && !error.message.includes(damaged),
  );
  assert.equal(await readFile(file, "utf8"), damaged);
  await writeFile(file, await readFile(join(keysFolder(home), "policy.nk"), "utf8"));
  await assert.rejects(ensureKeys(home), /another kind/);
});

test("rotation keeps the previous signer until it is retired", async (context) => {
  const home = await homeFor(context);
  const signer = (keys: Keys) => roleKey(accountKeys(keys, "MESH"), "guest");
  const before = signer(await ensureKeys(home));
  const rotated = signer(await rotateRoleKey(home, "MESH", "guest"));
  assert.notEqual(rotated.key.publicKey, before.key.publicKey);
  assert.equal(rotated.previous, before.key.publicKey);
  await assert.rejects(rotateRoleKey(home, "MESH", "guest"), /retire it first/);
  assert.deepEqual(signer(await retireRoleKey(home, "MESH", "guest")), { ...rotated, previous: undefined });
});

test("what does not exist is said with what does", async (context) => {
  const keys = await ensureKeys(await homeFor(context));
  assert.throws(() => accountKeys(keys, "NOWHERE"), /no account "NOWHERE"; there are MESH, CTRL/);
  assert.throws(
    () => roleKey(accountKeys(keys, "CTRL"), "service"),
    /role "service" has no grants in account CTRL; roles there: router, operator/,
  );
});
