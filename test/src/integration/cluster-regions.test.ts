// Two regions joined by gateways, with TLS between them: calls cross where they must, and stay where they can.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  accountKeys,
  bootstrapStreams,
  ensureKeys,
  issueCredentials,
  type Keys,
  type ServerConfigOptions,
  writeCredentials,
  writeRouterSigner,
} from "@malla/broker-config";
import { connect, type Mesh } from "@malla/sdk";
import { connect as connectPlain, credsAuthenticator, type NatsConnection } from "nats";
import { makeCertificates, type TestCertificates } from "../harness/certificates.ts";
import { freePort } from "../harness/free-port.ts";
import { eventually, PolicyDesk, readIdentity } from "../harness/index.ts";
import { startLeafServer } from "../harness/leaf-server.ts";
import { RawLeaf } from "../harness/raw-leaf.ts";
import { type Region, startRegion } from "../harness/region.ts";
import { routerHere, type TestRouter } from "../harness/test-router.ts";

const NAMES = ["eu", "us"] as const;
type Name = (typeof NAMES)[number];
const PATIENCE = { withinMs: 30_000, everyMs: 50 } as const;

let folder: string;
let keys: Keys;
let certificates: TestCertificates;
let leafPort: number;
const regions = new Map<Name, Region>();
const routers = new Map<Name, TestRouter>();
const meshes: Mesh[] = [];
const plain: NatsConnection[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "malla-regions-"));
  keys = await ensureKeys(join(folder, "keys"));
  certificates = await makeCertificates(folder);
  leafPort = await freePort();
  const ports = { eu: await freePort(), us: await freePort() };
  const remotes = NAMES.map((name) => ({ name, addresses: [`127.0.0.1:${ports[name]}`] }));
  const start = async (name: Name, count: number, server: ServerConfigOptions): Promise<void> => {
    const gateway = { name, port: ports[name], remotes, tls: certificates };
    const options = { home: join(folder, name), keys, name, count, server: { gateway, ...server } };
    regions.set(name, await startRegion(options));
  };
  // Streams are in one region; the other reads policy across.
  await start("us", 1, { jetStream: false, leafNodes: { port: leafPort, tls: { ...certificates, verify: true } } });
  await start("eu", 3, {});
  await bootstrapStreams({ servers: urls("eu"), keys, replicas: 3 });
  const signer = await writeRouterSigner(folder, keys);
  for (const name of NAMES) routers.set(name, await routerHere(urls(name)[0] as string, signer, {}));
});

after(async () => {
  await Promise.all(meshes.map(async (mesh) => mesh.close()));
  await Promise.all(plain.map(async (connection) => connection.close()));
  for (const router of routers.values()) await router.drain();
  for (const region of regions.values()) await region.stop();
  await rm(folder, { recursive: true, force: true });
});

function urls(name: Name): readonly string[] {
  return (regions.get(name) as Region).urls;
}

async function joinIn(region: Name, name: string): Promise<Mesh> {
  const credentials = await writeCredentials(folder, { name, role: "service" }, keys);
  const mesh = await connect({ service: name, servers: [...urls(region)], credentials, drainOn: [] });
  meshes.push(mesh);
  return mesh;
}

async function plainIn(region: Name, name: string, role: "guest" | "micro" | "service"): Promise<NatsConnection> {
  const credentials = await issueCredentials(keys, { name, role });
  const authenticator = credsAuthenticator(new TextEncoder().encode(credentials));
  const options = { servers: [...urls(region)], authenticator, inboxPrefix: `_INBOX.${name}`, reconnect: false };
  const connection = await connectPlain(options);
  plain.push(connection);
  return connection;
}

test("a service in one region is called from the other at once, with payloads of any size", async () => {
  const stock = await joinIn("eu", "stock");
  await stock.serve({ count: (value: unknown) => value });
  const shop = await joinIn("us", "shop");
  await eventually(async () => assert.equal(await shop.call("stock", "count", 1), 1), PATIENCE);
  const large = Buffer.alloc(300 * 1024, 3);
  assert.ok(large.equals(await shop.call<Uint8Array>("stock", "count", large)));
  for (let i = 0; i < 50; i++) assert.equal(await shop.call("stock", "count", i), i);
});

test("policy written in one region holds in both", async () => {
  const desk = await PolicyDesk.open(urls("us"), keys);
  try {
    await desk.apply(`apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: stock-callers }
spec: { service: stock, action: allow, rules: [{ principals: [shop] }] }
`);
  } finally {
    await desk.close();
  }
  const shop = await joinIn("us", "shop");
  for (const region of NAMES) {
    const stranger = await joinIn(region, `stranger-${region}`);
    await eventually(
      async () => await assert.rejects(stranger.call("stock", "count", 1), { status: "PERMISSION_DENIED" }),
      PATIENCE,
    );
  }
  assert.equal(await shop.call("stock", "count", 2), 2);
});

test("a plain client's call stays in its region while somebody there takes it, and crosses when nobody does", async () => {
  const serving = new Map<Name, NatsConnection>();
  for (const region of NAMES) {
    const connection = await plainIn(region, "greeter", "micro");
    connection.subscribe("mesh.serve.greeter.hello", {
      queue: "q",
      callback: (_error, message) => void message.respond(region),
    });
    await connection.flush();
    serving.set(region, connection);
  }
  const desk = await PolicyDesk.open(urls("eu"), keys);
  try {
    await desk.apply(`apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: greeter }
spec: { service: greeter, plainMethods: [hello] }
`);
  } finally {
    await desk.close();
  }
  const guest = await plainIn("us", "guest", "guest");
  const ask = async (): Promise<string> =>
    (await guest.request("mesh.call.guest.greeter.hello", "{}", { timeout: 5_000 })).string();
  await eventually(async () => assert.equal(await ask(), "us"), PATIENCE);
  for (let i = 0; i < 20; i++) assert.equal(await ask(), "us");
  await serving.get("us")?.close();
  await eventually(async () => assert.equal(await ask(), "eu"), PATIENCE);
});

test("a hostile edge behind a server of our own speaks for nobody else, in its region as in the other", async () => {
  // Servers with gateways take leaf nodes only if they show a certificate: this one is ours, and edges dial it.
  const port = await freePort();
  const inner = await startLeafServer({
    home: join(folder, "inner"),
    keys,
    name: "inner",
    hubs: [`127.0.0.1:${leafPort}`],
    services: ["sensor"],
    tls: certificates,
    server: { leafNodes: { port } },
  });
  const heard: string[] = [];
  for (const region of NAMES) {
    const victim = await plainIn(region, "payments", "service");
    victim.subscribe("mesh.run.payments.*.*.*", {
      callback: (_error, { subject }) => void heard.push(`${region} ${subject}`),
    });
    victim.subscribe("_INBOX.payments.sensor.*.*", {
      callback: (_error, { subject }) => void heard.push(`${region} ${subject}`),
    });
    await victim.flush();
  }
  const credentials = await issueCredentials(keys, { name: "edge-1", role: "leaf", edgeServices: ["sensor"] });
  const account = accountKeys(keys, "MESH").identity.publicKey;
  const url = `nats://127.0.0.1:${port}`;
  try {
    for (const claimsHub of [false, true]) {
      for (const hash of NAMES.map(regionHash)) {
        const edge = await RawLeaf.open(url, { identity: readIdentity(credentials), account, claimsHub });
        edge.publish(`_GR_.${hash}.AAAAAA.mesh.run.payments.i1.guest.Charge`);
        edge.publish("mesh.run.payments.i1.guest.Charge");
        await edge.settled().catch(() => undefined);
        edge.destroy();
      }
    }
    // What it may say gets through, so the silence above is not a broken link.
    await eventually(async () => {
      const edge = await RawLeaf.open(url, { identity: readIdentity(credentials), account });
      edge.publish("_INBOX.payments.sensor.c1.1");
      await edge.settled();
      edge.destroy();
      assert.ok(heard.includes("eu _INBOX.payments.sensor.c1.1") && heard.includes("us _INBOX.payments.sensor.c1.1"));
    }, PATIENCE);
    assert.deepEqual(
      heard.filter((one) => one.includes("mesh.run")),
      [],
    );
  } finally {
    await inner.stop();
  }
});

/** As servers name a region in the subjects of replies. */
function regionHash(name: string): string {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const bytes = createHash("sha256").update(name).digest();
  return Array.from(bytes.subarray(0, 6), (byte) => digits[byte % digits.length]).join("");
}
