import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { MAX_CONNECTIONS, MESH_MAX_CONNECTIONS, STORE_LIMITS } from "../accounts.ts";
import { streamDefinitions } from "../bootstrap.ts";
import { ensureKeys } from "../keys.ts";
import { SERVER_SETTINGS_FOLDER, type ServerConfigOptions, serverFolder, writeServerConfig } from "./index.ts";

async function homeFor(context: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "malla-config-"));
  context.after(() => rm(home, { recursive: true, force: true }));
  return home;
}

const includes = (text: string): string[] =>
  [...text.matchAll(/include "([^"]+)"/g)].map((match) => match[1] as string);

test("includes the settings as they are, and generates the rest for its owner alone", async (context) => {
  const home = await homeFor(context);
  const path = await writeServerConfig(home, { port: 4333 });
  const text = await readFile(path, "utf8");
  assert.equal(path, join(serverFolder(home), "nats-server.conf"));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const files = includes(text).map((file) => resolve(serverFolder(home), file));
  assert.deepEqual(files, [
    ...["limits.conf", "producers.conf"].map((file) => join(SERVER_SETTINGS_FOLDER, file)),
    join(home, "server", "accounts.conf"),
    join(SERVER_SETTINGS_FOLDER, "jetstream.conf"),
  ]);
  assert.match(text, /^port: 4333$/m);
  assert.match(text, /^host: "127\.0\.0\.1"$/m);
});

test("a server below the floor gets what it knows", async (context) => {
  const path = await writeServerConfig(await homeFor(context), { serverVersion: "2.9.10" });
  const text = await readFile(path, "utf8");
  assert.deepEqual(
    includes(text).map((file) => file.split("/").at(-1)),
    ["limits.conf", "accounts.conf"],
  );
});

test("a cluster proves itself with a secret of its own, and accounts have room for three copies", async (context) => {
  const home = await homeFor(context);
  const alone = await readFile(await writeServerConfig(home), "utf8");
  assert.doesNotMatch(alone, /^cluster/m);
  const cluster = { name: "malla", port: 6222, routes: ["127.0.0.1:6223"] };
  const text = await readFile(await writeServerConfig(home, { serverName: "one", cluster }), "utf8");
  const password = (await readFile(join(home, "keys", "cluster.secret"), "utf8")).trim();
  assert.match(password, /^[0-9a-f]{48}$/);
  assert.ok(text.includes(`nats://route:${password}@127.0.0.1:6223`) && text.includes(`password: "${password}"`));
  assert.match(includes(text).at(-1) ?? "", /cluster\.conf$/);
});

test("writing again leaves JWTs alone that say the same, so that a running server can reload", async (context) => {
  const home = await homeFor(context);
  const lines = async (): Promise<string[]> =>
    (await readFile(join(home, "server", "accounts.conf"), "utf8")).split("\n");
  await writeServerConfig(home);
  const first = await lines();
  await writeServerConfig(home);
  assert.deepEqual(await lines(), first);
  await ensureKeys(home, { applications: ["BILLING"] });
  await writeServerConfig(home);
  const more = await lines();
  assert.deepEqual(
    first.filter((line) => !more.includes(line)),
    [],
  );
  assert.equal(more.filter((line) => /^ {2}A/.test(line)).length, 8);
});

const wrong: { options: ServerConfigOptions; reason: RegExp }[] = [
  { options: { port: 0 }, reason: /0 is no port/ },
  { options: { port: 70_000 }, reason: /no port/ },
  { options: { httpPort: 1.5 }, reason: /no port/ },
  { options: { serverName: "../x" }, reason: /name of a server/ },
  { options: { host: 'x"\nport: 1' }, reason: /quote or a line break/ },
];
test("refuses what cannot stand in a configuration, and writes none", async (context) => {
  const home = await homeFor(context);
  const keys = await ensureKeys(home);
  for (const { options, reason } of wrong) {
    await assert.rejects(writeServerConfig(home, { ...options, keys }), reason, JSON.stringify(options));
  }
  await assert.rejects(readdir(join(home, "server")), /ENOENT/);
});

test("the settings open no other way in, and say the numbers the code says", async () => {
  const files = (await readdir(SERVER_SETTINGS_FOLDER)).filter((name) => name.endsWith(".conf"));
  const text = (await Promise.all(files.map((file) => readFile(join(SERVER_SETTINGS_FOLDER, file), "utf8")))).join(
    "\n",
  );
  assert.doesNotMatch(text, /^\s*(no_auth_user|leafnodes|mqtt|websocket|ws|gateway|authorization|accounts)\b/m);
  assert.equal(Number(/^max_connections: (\d+)$/m.exec(text)?.[1]), MAX_CONNECTIONS);
  assert.ok(MESH_MAX_CONNECTIONS < MAX_CONNECTIONS);
});

test("streams fit into their accounts, are on disk, and answer no direct gets", async () => {
  const definitions = await streamDefinitions();
  assert.deepEqual(
    definitions.map(({ config }) => config.name),
    ["KV_mesh-policy", "KV_mesh-idempotency"],
  );
  for (const { account, config } of definitions) {
    assert.ok((config.max_bytes ?? Number.POSITIVE_INFINITY) <= (STORE_LIMITS[account]?.diskBytes ?? 0), config.name);
    assert.deepEqual([config.storage, config.allow_direct, config.discard], ["file", false, "new"]);
    assert.deepEqual(config.subjects, [`$KV.${config.name.slice(3)}.>`]);
  }
});
