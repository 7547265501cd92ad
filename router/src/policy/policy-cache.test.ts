import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { SignedHead, StoredDocument } from "@malla/sdk/discovery";
import { PolicyCache } from "./policy-cache.ts";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "malla-cache-"));
});
after(async () => rm(folder, { recursive: true, force: true }));

const signed = { head: {}, bytes: Buffer.from("head") } as unknown as SignedHead;
const documents = [{ bytes: Buffer.from("a") }, { bytes: Buffer.from("b") }] as unknown as readonly StoredDocument[];

test("what was saved is loaded, by its owner only, and nothing else is left in the folder", async () => {
  const errors: unknown[] = [];
  const path = join(folder, "deep", "policy");
  const cache = new PolicyCache(path, (error) => errors.push(error));
  await cache.save(signed, documents);
  await cache.save(signed, documents);
  const loaded = await cache.load();
  assert.deepEqual(
    [loaded?.head, ...(loaded?.documents ?? [])].map((bytes) => Buffer.from(bytes ?? []).toString()),
    ["head", "a", "b"],
  );
  assert.equal((await stat(path)).mode & 0o077, 0);
  assert.deepEqual(await readdir(join(folder, "deep")), ["policy"]);
  assert.deepEqual(errors, []);
});

test("no file, and a file of nonsense, are nothing", async () => {
  assert.equal(await new PolicyCache(join(folder, "none"), () => undefined).load(), undefined);
  await writeFile(join(folder, "nonsense"), Buffer.from([0xff, 0xff, 0xff]));
  assert.equal(await new PolicyCache(join(folder, "nonsense"), () => undefined).load(), undefined);
});

test("a place that cannot be written is told and ends nothing", async () => {
  const errors: unknown[] = [];
  await writeFile(join(folder, "file"), "x");
  await new PolicyCache(join(folder, "file", "policy"), (error) => errors.push(error)).save(signed, documents);
  assert.equal(errors.length, 1);
});
