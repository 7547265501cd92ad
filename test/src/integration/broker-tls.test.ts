// Clients of a broker that speaks TLS: SDK, router and verbs by the same three files, and in each case of a wrong one an error that says
// which and what to do.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  bootstrapStreams,
  ensureKeys,
  findNatsServer,
  issueCredentials,
  type Keys,
  type RunningServer,
  startNatsServer,
  writeCredentials,
  writeRouterSigner,
  writeServerConfig,
} from "@malla/broker-config";
import { connect } from "@malla/sdk";
import { connectNats, type TlsFiles } from "@malla/sdk/broker";
import { freePort } from "../harness/free-port.ts";
import { eventually, startProgram } from "../harness/index.ts";

const run = promisify(execFile);
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];

let folder: string;
let home: string;
let keys: Keys;
let ca: string;
/** Streams and all, with a certificate of this machine. */
let good: RunningServer;
/** With a certificate of another machine. */
let misnamed: RunningServer;
/** Wants a certificate of its clients. */
let strict: RunningServer;
let plain: RunningServer;
let client: { readonly certFile: string; readonly keyFile: string };
const servers: RunningServer[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "malla-broker-tls-"));
  home = join(folder, ".malla");
  keys = await ensureKeys(home);
  ca = join(folder, "ca.pem");
  await run("openssl", ["req", "-x509", ...NEW_KEY, "-subj", "/CN=ca", "-keyout", join(folder, "ca.key"), "-out", ca]);
  client = await certificate("client", "DNS:client");
  const here = await certificate("here", "DNS:localhost,IP:127.0.0.1");
  const elsewhere = await certificate("elsewhere", "DNS:nats.example.com");
  plain = await start("plain");
  await bootstrapStreams({ servers: plain.url, keys });
  good = await start("good", here);
  misnamed = await start("misnamed", elsewhere);
  strict = await start("strict", here, `ca_file: "${ca}", verify: true`);
});

after(async () => {
  await Promise.all(servers.map(async (server) => server.stop()));
  await rm(folder, { recursive: true, force: true });
});

/** Signed by our authority. */
async function certificate(name: string, names: string): Promise<{ certFile: string; keyFile: string }> {
  const file = (end: string): string => join(folder, `${name}.${end}`);
  const request = ["-subj", `/CN=${name}`, "-keyout", file("key"), "-out", file("csr")];
  await run("openssl", ["req", ...NEW_KEY.filter((word) => word !== "-days" && word !== "2"), ...request]);
  await writeFile(file("names"), `subjectAltName=${names}\n`);
  const signer = ["-CA", ca, "-CAkey", join(folder, "ca.key"), "-CAcreateserial", "-extfile", file("names")];
  await run("openssl", ["x509", "-req", "-in", file("csr"), "-days", "2", ...signer, "-out", file("pem")]);
  return { certFile: file("pem"), keyFile: file("key") };
}

async function start(name: string, pair?: { certFile: string; keyFile: string }, more = ""): Promise<RunningServer> {
  const { path, version } = await findNatsServer({ progress: (line) => process.stderr.write(`${line}\n`) });
  // The one with TLS takes over what the plain one has stored.
  const storeDir = join(folder, name === "good" ? "plain" : name);
  const options = { port: await freePort(), serverName: name, keys, serverVersion: version, storeDir };
  const configPath = await writeServerConfig(home, options);
  if (name === "good") await plain.stop();
  if (pair !== undefined)
    await appendFile(
      configPath,
      `tls { cert_file: "${pair.certFile}", key_file: "${pair.keyFile}", min_version: "1.3", ${more} }\n`,
    );
  const server = await startNatsServer({ binary: path, configPath });
  servers.push(server);
  return server;
}

function urlOf(server: RunningServer, host = "127.0.0.1"): string {
  return `nats://${host}:${new URL(server.url).port}`;
}

async function dial(url: string, tls?: TlsFiles): Promise<void> {
  const credentials = await issueCredentials(keys, { name: "observer", role: "observer" });
  const broker = await connectNats({ servers: url, credentials, name: "tls", ...(tls === undefined ? {} : { tls }) });
  await broker.flush();
  await broker.close();
}

test("with the authority's certificate by address and by name, also where the URL says tls", async () => {
  await dial(urlOf(good), { caFile: ca });
  await dial(urlOf(good, "localhost"), { caFile: ca });
  await dial(urlOf(good).replace("nats:", "tls:"), { caFile: ca });
  await dial(urlOf(good), { ca: await readFile(ca, "utf8") });
});

test("calls of services, carried by a router with workers, all over TLS", async () => {
  const index = import.meta.resolve("@malla/router");
  const router = await startProgram(fileURLToPath(new URL(index.endsWith(".ts") ? "main.ts" : "main.js", index)), {
    NATS_URL: urlOf(good),
    NATS_CA: ca,
    MALLA_ROUTER_SIGNER: await writeRouterSigner(home, keys),
    MALLA_ROUTER_WORKERS: "2",
    MALLA_METRICS_PORT: "0",
    MALLA_READY_LINE: "1",
    MALLA_PARENT_STDIN: "1",
  });
  const join = async (service: string) =>
    await connect({
      service,
      servers: urlOf(good),
      credentials: await writeCredentials(home, { name: service, role: "service" }, keys),
      tls: { caFile: ca },
      drainOn: [],
    });
  const echo = await join("echo");
  const asker = await join("asker");
  try {
    await echo.serve({ echo: (value: unknown) => value });
    await eventually(async () => assert.equal(await asker.call("echo", "echo", "over TLS"), "over TLS"), {
      withinMs: 15_000,
    });
  } finally {
    await Promise.all([asker.close(), echo.close()]);
    await router.end("SIGTERM");
  }
});

test("without it, and with another: the error names NATS_CA", async () => {
  await assert.rejects(dial(urlOf(good)), /TLS to the broker at \S+: .*signed by no authority.*NATS_CA/);
  await assert.rejects(dial(urlOf(good), { caFile: client.certFile }), /signed by no authority.*NATS_CA/);
});

test("files that are not there", async () => {
  await assert.rejects(
    dial(urlOf(good), { caFile: join(folder, "none.pem") }),
    /NATS_CA\).*none\.pem: there is no such file/,
  );
});

test("a certificate that is not for this host, though its authority is trusted", async () => {
  await assert.rejects(dial(urlOf(misnamed), { caFile: ca }), /certificate is not for this host/);
  await assert.rejects(dial(urlOf(misnamed, "localhost"), { caFile: ca }), /certificate is not for this host/);
});

test("a broker that wants a certificate of its clients", async () => {
  await assert.rejects(dial(urlOf(strict), { caFile: ca }), /NATS_CERT and NATS_KEY/);
  await dial(urlOf(strict), { caFile: ca, ...client });
});

test("TLS where there is none", async () => {
  const server = await start("bare");
  await assert.rejects(dial(urlOf(server), { caFile: ca }), /does not speak TLS/);
});
