import assert from "node:assert/strict";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { afterEach, test } from "node:test";
import { type AdminServer, type AdminServerOptions, createAdminServer, type HealthCheck } from "./index.ts";

const HOST = "127.0.0.1";
const TEXT = "# HELP mesh_x_total X.\n# TYPE mesh_x_total counter\nmesh_x_total 1\n";
const open: AdminServer[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function start(options: Partial<AdminServerOptions> = {}): Promise<AdminServer> {
  const server = await createAdminServer({ host: HOST, port: 0, metrics: () => TEXT, checks: () => [], ...options });
  open.push(server);
  return server;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(
  server: AdminServer,
  path: string,
  { method = "GET", accept }: { method?: string; accept?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = accept === undefined ? {} : { accept };
    const sent = request({ host: HOST, port: server.port, path, method, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("metrics come as text, or as OpenMetrics for who asks for it", async () => {
  const server = await start();
  const text = await ask(server, "/metrics");
  assert.equal(text.status, 200);
  assert.equal(text.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(text.body, TEXT);
  // What Prometheus 2.42 sends.
  const accept =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  const open = await ask(server, "/metrics", { accept });
  assert.equal(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
  assert.equal(open.body, "# HELP mesh_x X.\n# TYPE mesh_x counter\nmesh_x_total 1\n# EOF\n");
  for (const other of ["*/*", "text/plain, application/openmetrics-text;q=0.5", "application/openmetrics-text;q=0"]) {
    assert.equal((await ask(server, "/metrics", { accept: other })).body, TEXT, other);
  }
});

test("scrapes at the same time share one collection, later ones get a new one", async () => {
  let collections = 0;
  let finish: (text: string) => void = () => {};
  const server = await start({
    metrics: () => {
      collections++;
      return collections === 1
        ? new Promise<string>((resolve) => {
            finish = resolve;
          })
        : "second";
    },
  });
  // In one packet, so that the server has read both before it can answer one.
  const socket = connect(server.port, HOST);
  socket.write("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2));
  await ask(server, "/healthz");
  finish("first");
  let received = "";
  for await (const chunk of socket) {
    received += String(chunk);
    if (received.split("first").length === 3) break;
  }
  assert.equal(collections, 1);
  assert.equal((await ask(server, "/metrics")).body, "second");
});

test("readyz names every check and why not; healthz looks at the live ones alone", async () => {
  let checks: readonly HealthCheck[] = [
    { name: "connection", ok: true, live: true },
    { name: "policy", ok: false, why: "no revision loaded yet" },
    { name: "draining", ok: true },
  ];
  const server = await start({ checks: () => checks });
  const unready = await ask(server, "/readyz");
  assert.equal(unready.status, 503);
  assert.equal(unready.body, "[+] connection\n[-] policy: no revision loaded yet\n[+] draining\nnot ok\n");
  assert.equal(unready.headers["cache-control"], "no-store");
  const alive = await ask(server, "/healthz");
  assert.deepEqual([alive.status, alive.body], [200, "[+] connection\nok\n"]);
  checks = [{ name: "connection", ok: false, live: true, why: "not connected to the broker" }];
  const dead = await ask(server, "/healthz");
  assert.deepEqual([dead.status, dead.body], [503, "[-] connection: not connected to the broker\nnot ok\n"]);
  checks = [{ name: "connection", ok: true, live: true }];
  assert.equal((await ask(server, "/readyz")).status, 200);
});

test("health comes as JSON for programs", async () => {
  const server = await start({ checks: () => [{ name: "policy", ok: false, why: "none" }] });
  const reply = await ask(server, "/readyz", { accept: "application/json" });
  assert.equal(reply.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(reply.body), { ok: false, checks: [{ name: "policy", ok: false, why: "none" }] });
});

test("an unknown path lists the known ones, a wrong method is told the right ones", async () => {
  const server = await start();
  const lost = await ask(server, "/metrics/");
  assert.equal(lost.status, 404);
  for (const path of ["/metrics", "/healthz", "/readyz"]) assert.match(lost.body, new RegExp(`^${path}$`, "m"));
  const posted = await ask(server, "/metrics", { method: "POST" });
  assert.deepEqual([posted.status, posted.headers.allow], [405, "GET, HEAD"]);
  assert.equal((await ask(server, "/healthz?verbose=1")).status, 200);
});

test("HEAD gives the headers of GET and no body", async () => {
  const server = await start();
  const reply = await ask(server, "/metrics", { method: "HEAD" });
  assert.deepEqual([reply.status, reply.body, reply.headers["content-length"]], [200, "", String(TEXT.length)]);
});

test("a collection that fails is a 500 that says nothing of the cause, and the server goes on", async () => {
  const seen: unknown[] = [];
  const server = await start({
    metrics: () => {
      throw new Error("canary");
    },
    onError: (error, path) => seen.push([(error as Error).message, path]),
  });
  const reply = await ask(server, "/metrics");
  assert.equal(reply.status, 500);
  assert.doesNotMatch(reply.body, /canary/);
  assert.deepEqual(seen, [["canary", "/metrics"]]);
  assert.equal((await ask(server, "/healthz")).status, 200);
});

test("a taken port names the flag that changes it", async () => {
  const first = await start();
  await assert.rejects(start({ port: first.port }), (error: Error) => {
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${first.port} is taken`));
    assert.match(error.message, /--metrics-port/);
    assert.match(error.message, /MALLA_METRICS_PORT/);
    return true;
  });
});

test("an address of another machine is told as such", async () => {
  await assert.rejects(start({ host: "192.0.2.1" }), /192\.0\.2\.1:0 is not one of this machine.*--metrics-host/);
});

test("close ends idle connections, frees the port and may be called twice", async () => {
  const server = await start();
  const idle = connect(server.port, HOST);
  await new Promise((resolve) => idle.once("connect", resolve));
  idle.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  await new Promise((resolve) => idle.once("data", resolve));
  const ended = new Promise((resolve) => idle.once("close", resolve));
  await Promise.all([server.close(), server.close()]);
  await ended;
  await start({ port: server.port });
});
