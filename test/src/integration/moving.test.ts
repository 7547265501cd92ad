// Who is connected to which of three servers: everybody to a home of its own, elsewhere at once when that is killed, and home again by
// itself when it is back. No call that may be repeated fails by that.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureKeys, issueCredentials, type Keys, writeCredentials, writeRouterSigner } from "@malla/broker-config";
import { type RunningRouter, startRouter } from "@malla/router";
import { connect, type Mesh } from "@malla/sdk";
import { connectNats, type NatsBroker } from "@malla/sdk/broker";
import { TestCluster, type TestServer } from "../harness/cluster.ts";
import { eventually } from "../harness/index.ts";
import { endLoads, startLoad } from "../harness/load.ts";
import { PolicyDesk } from "../harness/policy-desk.ts";
import { TcpProxy } from "../harness/tcp-proxy.ts";

/** Home is looked for after at most 30 s, and listened to before it is moved to. */
const HOME_AGAIN = { withinMs: 60_000, everyMs: 250 };
/** Here it is looked for more often. */
const SHORTLY = [200, 400] as const;
/** A dial of a server that is silent takes a second; generously. */
const ELSEWHERE_MS = 2_500;
const TRIES = 40;

let folder: string;
let home: string;
let keys: Keys;
let cluster: TestCluster;
let signer: string;
const routers: RunningRouter[] = [];
const meshes: Mesh[] = [];
const brokers: NatsBroker[] = [];
const proxies: TcpProxy[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "malla-moving-"));
  home = join(folder, ".malla");
  keys = await ensureKeys(home);
  cluster = await TestCluster.start(home, keys, 3);
  signer = await writeRouterSigner(home, keys);
});

after(async () => {
  endLoads();
  await Promise.all(brokers.map(async (broker) => broker.close()));
  await Promise.all(meshes.map(async (mesh) => mesh.close()));
  await Promise.all(routers.map(async (router) => router.drain()));
  await cluster?.stop();
  await Promise.all(proxies.map(async (proxy) => proxy.close()));
  await rm(folder, { recursive: true, force: true });
});

async function joinAs(name: string): Promise<Mesh> {
  const credentials = await writeCredentials(home, { name, role: "service" }, keys);
  return await connect({ service: name, servers: cluster.urls, credentials, drainOn: [] });
}

async function router(): Promise<RunningRouter> {
  return await startRouter({ servers: cluster.urls, signer, metricsPort: 0, logLevel: "silent" });
}

/** Starts one after the other until one has its home at this server; the others are ended. */
async function atHome<Member>(
  server: TestServer,
  start: () => Promise<Member>,
  nameOf: (member: Member) => string,
  end: (member: Member) => Promise<void>,
): Promise<Member> {
  for (let tries = 0; tries < TRIES; tries++) {
    const member = await start();
    if ((await server.connections()).includes(nameOf(member))) return member;
    await end(member);
  }
  return assert.fail(`of ${TRIES} none has its home at ${server.name}`);
}

/** By connection, the server it is on; connections that are made twice for a moment are not at rest. */
async function places(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const server of cluster.servers)
    for (const name of await server.connections()) {
      assert.equal(found[name], undefined, `${name} is on two servers`);
      found[name] = server.name;
    }
  return found;
}

function nameOf(mesh: Mesh): string {
  return `${mesh.principal}/${mesh.instance}`;
}

test("the home of a caller, an instance and a router is killed and comes back: no call fails, and all come home", async () => {
  const [victim] = cluster.servers as [TestServer];
  const desk = await PolicyDesk.open(cluster.urls, keys);
  await desk.apply(
    "apiVersion: malla.dev/v1\nkind: ServicePolicy\nmetadata: { name: echo }\nspec: { service: echo, idempotentMethods: [read] }\n",
  );
  const close = async (mesh: Mesh): Promise<void> => mesh.close();
  routers.push(
    await atHome(
      victim,
      router,
      ({ id }) => `${id}/mesh`,
      async (one) => one.drain(),
    ),
    await router(),
  );
  meshes.push(await atHome(victim, async () => await joinAs("echo"), nameOf, close), await joinAs("echo"));
  for (const instance of meshes.slice()) await instance.serve({ read: (n: number) => n });
  const caller = await atHome(victim, async () => await joinAs("asker"), nameOf, close);
  meshes.push(caller);
  await eventually(async () => assert.equal(await caller.call("echo", "read", 1), 1), { withinMs: 20_000 });
  await desk.close();
  const before = await places();
  assert.ok(Object.values(before).filter((server) => server === victim.name).length >= 3);

  const load = startLoad(4, async (n) => {
    await sleep(5);
    assert.equal(await caller.call("echo", "read", n, { timeoutMs: 8_000 }), n);
  });
  await sleep(1_000);
  await victim.kill();
  const names = Object.keys(before).sort();
  await eventually(async () => assert.deepEqual(Object.keys(await places()).sort(), names), { withinMs: 15_000 });
  await victim.start();
  await eventually(async () => assert.deepEqual(await places(), before), HOME_AGAIN);
  await sleep(1_000);
  const { calls, failures } = await load.stop();
  assert.deepEqual(failures, []);
  assert.ok(calls > 500, String(calls));
  await policyFollows();
});

/** What reads and writes buckets has moved too. */
async function policyFollows(): Promise<void> {
  const desk = await PolicyDesk.open(cluster.urls, keys);
  const { revision } = await desk.apply(
    "apiVersion: malla.dev/v1\nkind: ServicePolicy\nmetadata: { name: other }\nspec: { service: other }\n",
  );
  await desk.close();
  await eventually(
    async () => {
      for (const one of routers)
        assert.match(await one.metrics(), new RegExp(`^mesh_config_revision ${revision}$`, "m"));
    },
    { withinMs: 10_000 },
  );
}

/** A connection whose home is reached through a proxy. */
async function throughProxy(proxy: TcpProxy, name: string): Promise<{ broker: NatsBroker; id: string }> {
  const [, ...others] = cluster.urls;
  for (let n = 0; n < TRIES; n++) {
    const broker = await dial([`nats://127.0.0.1:${proxy.port}`, ...others], name, `${name} ${n}`);
    if (broker.server.endsWith(`:${proxy.port}`)) return { broker, id: `${name} ${n}` };
    await broker.close();
  }
  return assert.fail("none has its home there");
}

async function dial(servers: readonly string[], name: string, id: string): Promise<NatsBroker> {
  const credentials = await issueCredentials(keys, { name: "observer", role: "observer" });
  const more = { id, lookForHomeMs: SHORTLY, inboxPrefix: "_INBOX.observer" };
  const broker = await connectNats({ servers, credentials, name, ...more });
  brokers.push(broker);
  return broker;
}

test("home falls silent: whoever is there goes elsewhere at once, whoever comes within a second, and both return", async () => {
  const proxy = await TcpProxy.start((cluster.servers[0] as TestServer).port);
  proxies.push(proxy);
  const { broker, id } = await throughProxy(proxy, "silent");
  const changes: { readonly type: string; readonly atMs: number }[] = [];
  broker.onStatus(({ type }) => changes.push({ type, atMs: performance.now() }));
  proxy.goSilent();
  await eventually(() => assert.equal(changes.at(-1)?.type, "connected"), { withinMs: 15_000 });
  const [lost, back] = changes.slice(-2) as [(typeof changes)[0], (typeof changes)[0]];
  assert.equal(lost.type, "disconnected");
  assert.ok(back.atMs - lost.atMs < ELSEWHERE_MS / 2, `${back.atMs - lost.atMs} ms`);
  assert.ok(broker.isAway);
  const startedMs = performance.now();
  const servers = [`nats://127.0.0.1:${proxy.port}`, ...cluster.urls.slice(1)];
  const comer = await dial(servers, "comer", id);
  assert.ok(performance.now() - startedMs < ELSEWHERE_MS, `${performance.now() - startedMs} ms`);
  assert.ok(comer.isAway);
  proxy.heal();
  await eventually(() => assert.ok(!broker.isAway && !comer.isAway), { withinMs: 20_000 });
});

test("nobody goes home to a server that is cut off from the others", async () => {
  const proxy = await TcpProxy.start((cluster.servers[0] as TestServer).port);
  proxies.push(proxy);
  const { broker } = await throughProxy(proxy, "cut off");
  let heard = 0;
  // Routers say every second that they are there, and this one is connected elsewhere.
  const end = async (one: RunningRouter): Promise<void> => one.drain();
  routers.push(await atHome(cluster.servers[1] as TestServer, router, ({ id }) => `${id}/mesh`, end));
  broker.subscribe("mesh.router.*", () => heard++);
  await broker.flush();
  proxy.refuse();
  await eventually(() => assert.ok(broker.isAway));
  cluster.cutOff(0);
  try {
    await sleep(1_000);
    proxy.heal();
    await sleep(6_000);
    assert.ok(broker.isAway);
  } finally {
    cluster.heal();
  }
  await eventually(() => assert.ok(!broker.isAway), { withinMs: 30_000 });
  const before = heard;
  await eventually(() => assert.ok(heard > before), { withinMs: 5_000 });
});
