// A leaf node at an edge, over TLS 1.3: services there are called from the hub and call into it, in their own names only.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bootstrapStreams, ensureKeys, type Keys, writeCredentials, writeRouterSigner } from "@malla/broker-config";
import { connect, type Mesh } from "@malla/sdk";
import { makeCertificates } from "../harness/certificates.ts";
import { freePort } from "../harness/free-port.ts";
import { eventually } from "../harness/index.ts";
import { type LeafServer, startLeafServer } from "../harness/leaf-server.ts";
import { type Region, startRegion } from "../harness/region.ts";
import { routerHere, type TestRouter } from "../harness/test-router.ts";

const PATIENCE = { withinMs: 20_000, everyMs: 50 } as const;

let folder: string;
let home: string;
let keys: Keys;
let hub: Region;
let edge: LeafServer;
let router: TestRouter;
const meshes: Mesh[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "malla-leaf-"));
  home = join(folder, ".malla");
  keys = await ensureKeys(home);
  const certificates = await makeCertificates(folder);
  const port = await freePort();
  hub = await startRegion({ home, keys, name: "hub", count: 1, server: { leafNodes: { port, tls: certificates } } });
  await bootstrapStreams({ servers: hub.urls, keys });
  router = await routerHere(hub.urls[0] as string, await writeRouterSigner(home, keys), {});
  const tls = { caFile: certificates.caFile };
  const at = { home: join(folder, "edge"), keys, name: "edge-1", hubs: [`127.0.0.1:${port}`], tls };
  edge = await startLeafServer({ ...at, services: ["sensor", "lamp"] });
});

after(async () => {
  await Promise.all(meshes.map(async (mesh) => mesh.close()));
  await router?.drain();
  await edge?.stop();
  await hub?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function joinAt(name: string, servers: string): Promise<Mesh> {
  const credentials = await writeCredentials(home, { name, role: "service" }, keys);
  const mesh = await connect({ service: name, servers, credentials, drainOn: [] });
  meshes.push(mesh);
  return mesh;
}

const atHub = async (name: string): Promise<Mesh> => await joinAt(name, hub.urls[0] as string);
const atEdge = async (name: string): Promise<Mesh> => await joinAt(name, edge.url);

test("a service at the edge is called from the hub, and calls into it, with payloads of any size", async () => {
  const orders = await atHub("orders");
  await orders.serve({ create: (order: object, { principal }) => ({ order, principal }) });
  const sensor = await atEdge("sensor");
  await sensor.serve({ read: (value: unknown) => value });
  const large = Buffer.alloc(300 * 1024, 7);
  await eventually(async () => {
    assert.equal(await orders.call("sensor", "read", 21), 21);
    assert.ok(large.equals(await orders.call<Uint8Array>("sensor", "read", large)));
    assert.deepEqual(await sensor.call("orders", "create", { cents: 5 }), { order: { cents: 5 }, principal: "sensor" });
  }, PATIENCE);
});

test("services at one edge call each other by way of the hub's routers, so policy holds for them too", async () => {
  const lamp = await atEdge("lamp");
  await lamp.serve({ on: () => "bright" });
  const sensor = await atEdge("sensor");
  await eventually(async () => assert.equal(await sensor.call("lamp", "on", {}), "bright"), PATIENCE);
});

test("the link comes back by itself after the edge's server was killed", async () => {
  await edge.restart();
  const asker = await atHub("asker");
  await eventually(async () => assert.equal(await asker.call("lamp", "on", {}), "bright"), PATIENCE);
});

test("who is at the edge but not named in the leaf node's credentials neither calls nor is called", async () => {
  const visitor = await atEdge("visitor");
  await visitor.serve({ steal: () => "mine" });
  await assert.rejects(visitor.call("orders", "create", {}, { timeoutMs: 2_000 }), {
    status: /UNAVAILABLE|DEADLINE_EXCEEDED/,
  });
  const asker = await atHub("asker");
  await assert.rejects(asker.call("visitor", "steal", {}, { timeoutMs: 2_000 }), {
    status: /UNAVAILABLE|UNIMPLEMENTED/,
  });
});
