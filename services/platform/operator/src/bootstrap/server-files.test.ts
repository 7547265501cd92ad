import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ensureKeys, type Keys } from "@malla/broker-config";
import type { NatsConfig } from "./bootstrap-config.ts";
import { CONFIG } from "./config.test.fixture.ts";
import { serverFiles } from "./server-files.ts";

const home = mkdtempSync(join(tmpdir(), "malla-options-"));
after(() => rmSync(home, { recursive: true, force: true }));
let keys: Keys;
before(async () => {
  keys = await ensureKeys(home);
});

async function filesFor(nats: Partial<NatsConfig>): Promise<ReadonlyMap<string, string>> {
  return await serverFiles(keys, { ...CONFIG, nats: { ...CONFIG.nats, ...nats } }, undefined);
}

test("three servers know each other by the names of their pods", async () => {
  const files = await filesFor({});
  const conf = files.get("nats-server.conf") ?? "";
  assert.match(conf, /^server_name: \$POD_NAME$/m);
  for (const i of [0, 1, 2])
    assert.match(conf, new RegExp(`@malla-nats-${i}\\.malla-nats-headless\\.mesh\\.svc\\.cluster\\.local:6222"`));
  for (const line of [
    /^host: "0\.0\.0\.0"$/m,
    /^port: 4222$/m,
    /^http: "0\.0\.0\.0:8222"$/m,
    /^pid_file: "\/run\/nats\/nats\.pid"$/m,
    /store_dir: "\/data"/,
    /max_file_store: 10737418240/,
    /max_memory_store: 268435456/,
    /cert_file: "\/etc\/nats-tls\/tls\.crt"/,
    /key_file: "\/etc\/nats-tls\/tls\.key"/,
    /ca_file: "\/etc\/nats-tls\/ca\.crt"/,
  ])
    assert.match(conf, line);
  assert.equal(conf.match(/min_version: "1\.3"/g)?.length, 2, "for clients and between servers");
  assert.deepEqual([...files.keys()].sort(), [
    "accounts.conf",
    "cluster.conf",
    "jetstream.conf",
    "limits.conf",
    "malla-nats-0.conf",
    "malla-nats-1.conf",
    "malla-nats-2.conf",
    "nats-server.conf",
    "producers.conf",
  ]);
});

test("each pod has a text of its own, which differs in its place in the cluster and in nothing else", async () => {
  const files = await filesFor({});
  const withoutPlace = (text: string): string => text.replace(/^ +(routes|advertise): .*\n/gm, "");
  const dialled = [0, 1, 2].map((i) => {
    const conf = files.get(`malla-nats-${i}.conf`) ?? "";
    assert.equal(withoutPlace(conf), withoutPlace(files.get("nats-server.conf") ?? ""));
    assert.ok(conf.includes(`advertise: "malla-nats-${i}.malla-nats-headless.mesh.svc.cluster.local:6222"`));
    return [...conf.matchAll(/@malla-nats-(\d)/g)].map(([, pod]) => Number(pod)).filter((pod) => pod !== i);
  });
  assert.deepEqual(dialled, [[2], [0], [1]]);
});

test("one server is no cluster, and without TLS there is none", async () => {
  const files = await filesFor({ replicas: 1, tls: false });
  assert.equal(files.has("malla-nats-0.conf"), false);
  const conf = files.get("nats-server.conf") ?? "";
  assert.doesNotMatch(conf, /cluster|tls|gateway|leafnodes/);
});

test("other regions and edges only where they are wanted, with TLS as everywhere", async () => {
  const gateways = [
    { name: "malla", addresses: ["nats.us.example:7222"] },
    { name: "eu", addresses: ["nats.eu.example:7222"] },
  ];
  const conf = (await filesFor({ gateways, leafnodes: true })).get("nats-server.conf") ?? "";
  assert.match(conf, /gateway \{[^}]*name: "malla"\n[^}]*port: 7222/);
  assert.match(conf, /@nats\.eu\.example:7222"/);
  assert.match(conf, /leafnodes \{[^}]*port: 7422[^}]*verify: true/);
  assert.equal(conf.match(/min_version: "1\.3"/g)?.length, 4);
  const alone = (await filesFor({ leafnodes: true })).get("nats-server.conf") ?? "";
  assert.match(alone, /leafnodes \{[^}]*port: 7422/);
  assert.doesNotMatch(alone, /leafnodes \{[^}]*verify/);
});
