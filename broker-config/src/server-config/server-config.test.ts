import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { MAX_CONNECTIONS, MESH_MAX_CONNECTIONS, STORE_LIMITS } from "../accounts.ts";
import { streamDefinitions } from "../bootstrap.ts";
import { ensureKeys } from "../keys.ts";
import {
  SERVER_SETTINGS_FOLDER,
  type ServerConfigOptions,
  type ServerOptions,
  serverConfigFiles,
  serverFolder,
  writeServerConfig,
} from "./index.ts";

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

const TLS = { certFile: "/tls/tls.crt", keyFile: "/tls/tls.key", caFile: "/tls/ca.crt" };
const POD: ServerOptions = {
  serverName: { environment: "POD_NAME" },
  host: "0.0.0.0",
  httpPort: 8222,
  pidFile: "/run/nats.pid",
  tags: ["zone:a"],
  tls: { ...TLS, connectionsPerSecond: 250 },
  cluster: { name: "eu", port: 6222, routes: ["eu-0.nats.mesh.svc:6222"], tls: TLS },
  gateway: { name: "eu", port: 7222, tls: TLS, remotes: [{ name: "us", addresses: ["us-0.example:7222"] }] },
  leafNodes: { port: 7422, tls: { ...TLS, verify: true } },
};

test("a server elsewhere gets all files flat, with nothing of this machine in them", async (context) => {
  const home = await homeFor(context);
  const keys = await ensureKeys(home);
  const files = await serverConfigFiles(keys, { ...POD, storeDir: "/data", maxFileStoreBytes: 10_000 });
  const text = files.get("nats-server.conf") as string;
  assert.deepEqual(new Set([...includes(text), "nats-server.conf"]), new Set(files.keys()));
  for (const content of files.values()) assert.ok(!content.includes(home) && !content.includes(SERVER_SETTINGS_FOLDER));
  for (const line of [
    "server_name: $POD_NAME",
    'server_tags: ["zone:a"]',
    'http: "0.0.0.0:8222"',
    'pid_file: "/run/nats.pid"',
    '  store_dir: "/data"',
    "  max_file_store: 10000",
    "  connection_rate_limit: 250",
    "  reject_unknown_cluster: true",
  ])
    assert.ok(text.split("\n").includes(line), line);
  assert.equal(text.match(/^ +min_version: "1\.3"$/gm)?.length, 4);
  assert.equal(text.match(/^ +verify: true$/gm)?.length, 3, "routes, gateways and leaf nodes, not clients");
  const password = keys.gatewayPassword.reveal();
  assert.ok(text.includes(`nats://gateway:${password}@us-0.example:7222`));
  assert.ok(!text.includes("ports_file_dir"));
});

test("the same keys give the same texts again, and other keys do not", async (context) => {
  const keys = await ensureKeys(await homeFor(context));
  const options = { ...POD, storeDir: "/data" };
  const first = await serverConfigFiles(keys, options);
  const earlierAccounts = first.get("accounts.conf") as string;
  assert.deepEqual(await serverConfigFiles(keys, { ...options, earlierAccounts }), first);
  const other = await ensureKeys(await homeFor(context));
  const changed = await serverConfigFiles(other, { ...options, earlierAccounts });
  const jwts = (text = ""): string[] => text.match(/eyJ\S+/g) ?? [];
  assert.equal(jwts(changed.get("accounts.conf")).filter((jwt) => earlierAccounts.includes(jwt)).length, 0);
});

test("a leaf node dials its hub from the account of calls, and has no JetStream unless told so", async (context) => {
  const keys = await ensureKeys(await homeFor(context));
  const remote = { addresses: ["hub:7422"], credentialsFile: "/creds", tls: { caFile: "/tls/ca.crt" } };
  const files = await serverConfigFiles(keys, { storeDir: "/data", leafRemotes: [remote] });
  const text = files.get("nats-server.conf") as string;
  const mesh = keys.accounts.find(({ name }) => name === "MESH")?.identity.publicKey;
  assert.ok(text.includes(`account: "${mesh}"`) && text.includes('urls: ["tls://hub:7422"]'));
  assert.doesNotMatch(text, /jetstream|port: 7422/);
  const more = await serverConfigFiles(keys, { storeDir: "/data", leafRemotes: [remote], jetStream: true });
  assert.match(more.get("nats-server.conf") ?? "", /^jetstream \{$/m);
});

const cannotBe: { options: ServerOptions; reason: RegExp }[] = [
  { options: { ...POD, leafNodes: { port: 7422 } }, reason: /only with tls\.verify/ },
  { options: { ...POD, leafNodes: { port: 7422, tls: TLS } }, reason: /only with tls\.verify/ },
  { options: { ...POD, cluster: { name: "us", port: 6222, routes: [] } }, reason: /must have one name/ },
  { options: { serverName: { environment: "x y" } }, reason: /no name of a variable/ },
  { options: { cluster: { name: "eu", port: 6222, routes: ["a@b:1"] } }, reason: /no address/ },
  { options: { cluster: { name: "eu", port: 6222, routes: ["host"] } }, reason: /no address/ },
  { options: { tls: { certFile: "a", keyFile: "b", verify: true } }, reason: /without a caFile/ },
  { options: { tls: { certFile: "a", keyFile: "b", connectionsPerSecond: 0 } }, reason: /above 0/ },
  { options: { maxFileStoreBytes: 1.5 }, reason: /above 0/ },
];
for (const { options, reason } of cannotBe) {
  test(`no configuration: ${reason.source}`, async (context) => {
    const keys = await ensureKeys(await homeFor(context));
    await assert.rejects(serverConfigFiles(keys, { ...options, storeDir: "/data" }), reason);
  });
}
