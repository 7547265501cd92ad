import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { checkTlsFiles, tlsFilesFrom } from "./tls-files.ts";

let folder: string;
let key: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "malla-tls-"));
  key = join(folder, "key.pem");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(key, privateKey.export({ type: "pkcs8", format: "pem" }));
});
after(async () => rm(folder, { recursive: true, force: true }));

test("from the environment, or none", () => {
  assert.equal(tlsFilesFrom({ NATS_URL: "tls://a:1" }), undefined);
  const environment = { NATS_CA: "/ca", NATS_CERT: "/cert", NATS_KEY: "/key" };
  assert.deepEqual(tlsFilesFrom(environment), { caFile: "/ca", certFile: "/cert", keyFile: "/key" });
  assert.deepEqual(tlsFilesFrom({ NATS_KEY: "/key" }), { keyFile: "/key" });
});

test("all that is wrong with the files is told at once, and no key is quoted", async () => {
  const tls = { caFile: join(folder, "none.pem"), certFile: key, keyFile: folder };
  await assert.rejects(checkTlsFiles(tls), (error: Error) => {
    assert.match(error.message, /NATS_CA\) \S+none\.pem: there is no such file/);
    assert.match(error.message, /NATS_CERT\) \S+key\.pem: this is no PEM file of that kind/);
    assert.match(error.message, /NATS_KEY\) \S+: this is a folder/);
    assert.doesNotMatch(error.message, /PRIVATE/);
    return true;
  });
});

test("a key without its certificate is none", async () => {
  await assert.rejects(checkTlsFiles({ keyFile: key }), /given together/);
});

test("nothing is needed", async () => {
  await checkTlsFiles({});
  await checkTlsFiles({ ca: "in memory" });
});
