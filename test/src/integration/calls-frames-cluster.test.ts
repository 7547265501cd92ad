// Frames across servers: routes that are reset lose what is on its way, and nobody is told.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureKeys, type Keys, writeCredentials, writeRouterSigner } from "@malla/broker-config";
import { connect, type Mesh } from "@malla/sdk";
import { TestCluster } from "../harness/cluster.ts";
import { eventually } from "../harness/index.ts";
import { routerHere, type TestRouter } from "../harness/test-router.ts";

const PATIENT = { timeoutMs: 60_000 };

let folder: string;
let home: string;
let keys: Keys;
let cluster: TestCluster;
let router: TestRouter;
let caller: Mesh;
let service: Mesh;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "malla-frames-"));
  home = join(folder, ".malla");
  keys = await ensureKeys(home);
  cluster = await TestCluster.start(home, keys, 3);
  router = await routerHere(cluster.urls[1] as string, await writeRouterSigner(home, keys), {});
  service = await joinAt("echo", 2);
  await service.serve({ echo: (value: unknown) => value });
  caller = await joinAt("asker", 0);
  await eventually(async () => assert.equal(await caller.call("echo", "echo", 1), 1), { withinMs: 20_000 });
});

after(async () => {
  await caller?.close();
  await service?.close();
  await router?.drain();
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function joinAt(name: string, server: number): Promise<Mesh> {
  const credentials = await writeCredentials(home, { name, role: "service" }, keys);
  return await connect({ service: name, servers: cluster.urls[server] as string, credentials, drainOn: [] });
}

test("a transfer goes on after the routes were reset, in the request as in the reply", async () => {
  const bytes = Buffer.alloc(24 * 1024 * 1024, 5);
  for (let at = 0; at < bytes.length; at += 1_000) bytes.writeUInt32LE(at, at);
  for (let round = 0; round < 2; round++) {
    const back = caller.call<Uint8Array>("echo", "echo", bytes, PATIENT);
    await sleep(60 + round * 250);
    cluster.resetRoutes();
    assert.ok(bytes.equals(await back));
  }
});
