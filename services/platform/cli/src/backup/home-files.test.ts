import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readHomeFiles, stageHomeFiles, wouldReplace } from "./home-files.ts";

const FILES = { "keys/operator.nk": "one\n", "keys/ca/ca.key": "two\n", "server/accounts.conf": "jwt\n" };
const NOW = new Date("2026-01-02T03:04:05.000Z");

async function homeFor(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "malla-home-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, ".malla");
}

test("files are written for their owner alone, and read again", async (context) => {
  const home = await homeFor(context);
  assert.deepEqual(await readHomeFiles(home), {});
  const staged = await stageHomeFiles(home, FILES);
  assert.deepEqual(await readHomeFiles(home), {}, "nothing before it is committed");
  assert.deepEqual(await readHomeFiles(staged.folder), FILES);
  assert.equal(await staged.commit(NOW), undefined);
  await staged.discard();
  assert.deepEqual(await readHomeFiles(home), FILES, "what is committed cannot be given up");
  for (const path of Object.keys(FILES)) assert.equal((await stat(join(home, path))).mode & 0o777, 0o600, path);
  assert.equal((await stat(join(home, "keys"))).mode & 0o777, 0o700);
  assert.deepEqual((await readdir(home)).sort(), ["keys", "server"]);
});

test("drafts, hidden files and all that can be made again are no part of it", async (context) => {
  const home = await homeFor(context);
  await (await stageHomeFiles(home, FILES)).commit(NOW);
  await mkdir(join(home, "credentials"));
  for (const path of ["keys/x.nk.12.ab.draft", "keys/.hidden", "server/nats-server.conf", "credentials/guest.creds"])
    await writeFile(join(home, path), "x");
  assert.deepEqual(await readHomeFiles(home), FILES);
});

test("what would be replaced is told, and is moved aside", async (context) => {
  const home = await homeFor(context);
  await (await stageHomeFiles(home, { ...FILES, "keys/BILLING.nk": "three\n" })).commit(NOW);
  const other = { ...FILES, "keys/operator.nk": "another\n" };
  const present = await readHomeFiles(home);
  assert.deepEqual(wouldReplace(present, other), ["keys/BILLING.nk", "keys/operator.nk"]);
  const aside = await (await stageHomeFiles(home, other)).commit(NOW);
  assert.equal(aside, join(home, "keys.replaced-2026-01-02T03-04-05.000Z"));
  assert.deepEqual(await readHomeFiles(home), other);
  assert.deepEqual(await readHomeFiles(aside as string), present);
});

test("where nothing is replaced, files in use stay and missing ones come", async (context) => {
  const home = await homeFor(context);
  await (await stageHomeFiles(home, FILES)).commit(NOW);
  const { ino } = await stat(join(home, "keys/operator.nk"));
  const more = { ...FILES, "keys/BILLING.nk": "three\n" };
  assert.deepEqual(wouldReplace(await readHomeFiles(home), more), []);
  assert.equal(await (await stageHomeFiles(home, more)).commit(NOW), undefined);
  assert.deepEqual(await readHomeFiles(home), more);
  assert.equal((await stat(join(home, "keys/operator.nk"))).ino, ino);
});

test("what was given up leaves nothing, a new home neither", async (context) => {
  const home = await homeFor(context);
  await (await stageHomeFiles(home, FILES)).discard();
  assert.ok(!existsSync(home));
  await (await stageHomeFiles(home, FILES)).commit(NOW);
  await (await stageHomeFiles(home, { "keys/operator.nk": "another\n" })).discard();
  assert.deepEqual(await readHomeFiles(home), FILES);
  await assert.rejects(stageHomeFiles(home, { "server/accounts.conf": "x" }), /holds no keys/);
});
