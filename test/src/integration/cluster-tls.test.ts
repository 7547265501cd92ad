// A cluster of three that speaks TLS 1.3 with everybody: calls pass, and whoever speaks less gets nowhere.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { bootstrapStreams, ensureKeys, type Keys, writeCredentials, writeRouterSigner } from "@malla/broker-config";
import { connect, type Mesh } from "@malla/sdk";
import { makeCertificates, type TestCertificates } from "../harness/certificates.ts";
import { type ChildProgram, eventually, RawClient, startProgram } from "../harness/index.ts";
import { type Region, startRegion } from "../harness/region.ts";

const CONNECTIONS_PER_SECOND = 30;
/** Longer than the server gives a handshake, in ms. */
const HANDSHAKE_MS = 3_000;

let folder: string;
let home: string;
let keys: Keys;
let certificates: TestCertificates;
let region: Region;
let router: ChildProgram<{ router: string }>;
const meshes: Mesh[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "malla-tls-"));
  home = join(folder, ".malla");
  keys = await ensureKeys(home);
  certificates = await makeCertificates(folder);
  const tls = { ...certificates, connectionsPerSecond: CONNECTIONS_PER_SECOND };
  region = await startRegion({ home, keys, name: "malla", count: 3, clusterTls: certificates, server: { tls } });
  await bootstrapStreams({ servers: region.urls, keys, replicas: 3, tls: { caFile: certificates.caFile } });
  router = await startProgram(routerMain(), {
    NATS_URL: region.urls.join(","),
    NATS_CA: certificates.caFile,
    NODE_EXTRA_CA_CERTS: certificates.caFile,
    MALLA_ROUTER_SIGNER: await writeRouterSigner(home, keys),
    MALLA_METRICS_PORT: "0",
    MALLA_READY_LINE: "1",
    MALLA_PARENT_STDIN: "1",
  });
});

after(async () => {
  await Promise.all(meshes.map(async (mesh) => mesh.close()));
  await router?.end("SIGTERM");
  await region?.stop();
  await rm(folder, { recursive: true, force: true });
});

function routerMain(): string {
  const index = import.meta.resolve("@malla/router");
  return fileURLToPath(new URL(index.endsWith(".ts") ? "main.ts" : "main.js", index));
}

async function joinAt(name: string, server: number, caFile: string): Promise<Mesh> {
  const credentials = await writeCredentials(home, { name, role: "service" }, keys);
  const servers = region.urls[server] as string;
  const mesh = await connect({ service: name, servers, credentials, tls: { caFile }, drainOn: [] });
  meshes.push(mesh);
  return mesh;
}

/** Says hello to a server's client port, and turns to TLS as it wants. Rejects if the server does not take it. */
async function handshake(url: string, options: { readonly maxVersion?: "TLSv1.2" } = {}): Promise<TLSSocket> {
  const { hostname, port } = new URL(url);
  const signal = AbortSignal.timeout(HANDSHAKE_MS);
  const plain = connectTcp({ host: hostname, port: Number(port) });
  const [hello] = (await once(plain, "data", { signal })) as [Buffer];
  assert.match(hello.toString(), /"tls_required":true/);
  const socket = connectTls({ socket: plain, ca: await readFile(certificates.caFile), host: hostname, ...options });
  try {
    // A server that ends the connection in the middle of a handshake does not always make an error of it.
    await once(socket, "secureConnect", { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    plain.destroy();
    throw error;
  }
}

test("calls pass between clients of different servers", async () => {
  const echo = await joinAt("echo", 0, certificates.caFile);
  await echo.serve({ echo: (value: unknown) => value });
  const asker = await joinAt("asker", 2, certificates.caFile);
  await eventually(async () => assert.equal(await asker.call("echo", "echo", "over TLS"), "over TLS"));
});

test("clients and servers agree on TLS 1.3, and on nothing older", async () => {
  const socket = await handshake(region.urls[1] as string);
  assert.equal(socket.getProtocol(), "TLSv1.3");
  socket.destroy();
  await assert.rejects(handshake(region.urls[1] as string, { maxVersion: "TLSv1.2" }), /protocol version|EPROTO|reset/);
});

test("a client without TLS is refused, whatever it can prove", async () => {
  const client = await RawClient.dial((region.urls[0] as string).replace(/^\w+:/, "nats:"));
  await client.hears(/"tls_required":true/);
  client.write('CONNECT {"verbose":false}\r\nPING\r\n');
  await client.closed;
  assert.doesNotMatch(client.heard, /PONG/);
});

test("a client that does not trust the authority does not connect", async () => {
  const other = await makeCertificates(folder, "other");
  await assert.rejects(joinAt("stranger", 0, other.caFile), /certificate|signature|self.signed|unable to verify/i);
});

test("a server without a certificate of the authority does not join", async () => {
  const other = await makeCertificates(folder, "foreign");
  const { clusterUrl } = region.servers[0] as { clusterUrl: string };
  const { hostname, port } = new URL(clusterUrl);
  const [ca, cert, key] = await Promise.all(
    [certificates.caFile, other.certFile, other.keyFile].map((file) => readFile(file)),
  );
  const socket = connectTls({ host: hostname, port: Number(port), ca, cert, key });
  // In TLS 1.3 a client learns only after its handshake that its certificate is not wanted.
  const [error] = (await once(socket, "error")) as [Error];
  assert.match(error.message, /certificate|unknown ca|reset/i);
});

test("new connections beyond the rate are told to come again, and do so", async () => {
  const url = region.urls[1] as string;
  const all = await Promise.allSettled(Array.from({ length: CONNECTIONS_PER_SECOND * 3 }, async () => handshake(url)));
  const taken = all.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const socket of taken) socket.destroy();
  assert.ok(
    taken.length >= CONNECTIONS_PER_SECOND / 2 && taken.length <= CONNECTIONS_PER_SECOND * 2,
    `${taken.length}`,
  );
  await eventually(async () => (await handshake(url)).destroy());
});
