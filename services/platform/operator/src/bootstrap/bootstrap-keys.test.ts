import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRouterSigner } from "@malla/broker-config";
import type { SecretObject } from "../kubernetes/api.ts";
import { MemoryApi } from "../kubernetes/memory-api.test.fixture.ts";
import { SECRET } from "../kubernetes/resource-kinds.ts";
import { CONFIG } from "./config.test.fixture.ts";
import { allOf, dataOf, NAMES, run, secret, textOf } from "./memory-run.test.fixture.ts";

/** Writes the keys' Secret as somebody would by hand. */
async function edit(api: MemoryApi, change: (data: Record<string, string>) => void): Promise<void> {
  const data = { ...dataOf(api) };
  change(data);
  await api.replace(SECRET, { ...secret(api, "malla-keys"), data } as SecretObject);
}

function seedsOf(api: MemoryApi): string[] {
  return Object.values(dataOf(api)).map((value) => Buffer.from(value, "base64").toString("utf8").trim());
}

test("the first run makes three Secrets that belong together, and says no secret", async () => {
  const api = new MemoryApi();
  const lines = await run(api);
  assert.deepEqual(
    lines,
    NAMES.map((name) => `Secret mesh/${name}: created`),
  );
  for (const seed of seedsOf(api)) assert.ok(!lines.join("\n").includes(seed));
  const signer = parseRouterSigner(textOf(api, "malla-router-signer", "router.signer.json"));
  assert.match(textOf(api, "malla-nats-config", "accounts.conf"), new RegExp(signer.accounts.mesh.accountKey));
  assert.match(textOf(api, "malla-nats-config", "nats-server.conf"), /server_name: \$POD_NAME/);
  assert.equal(secret(api, "malla-keys").type, "Opaque");
});

test("the second run changes nothing, the operator's JWT neither", async () => {
  const api = new MemoryApi();
  await run(api);
  const versions = NAMES.map((name) => secret(api, name).metadata.resourceVersion);
  assert.deepEqual(
    await run(api),
    NAMES.map((name) => `Secret mesh/${name}: unchanged`),
  );
  assert.deepEqual(
    NAMES.map((name) => secret(api, name).metadata.resourceVersion),
    versions,
  );
});

test("a role's signer that is set aside by hand gets a successor, stays valid, and ends when it is taken out", async () => {
  const api = new MemoryApi();
  await run(api);
  const [signer, aside] = ["MESH.service.nk", "MESH.service.nk.previous"];
  const before = dataOf(api);
  const accounts = (): string => textOf(api, "malla-nats-config", "accounts.conf");
  const first = accounts();
  await edit(api, (data) => {
    data[aside] = data[signer] as string;
    delete data[signer];
  });
  const lines = await run(api);
  assert.equal(dataOf(api)[aside], before[signer]);
  assert.notEqual(dataOf(api)[signer] ?? before[signer], before[signer]);
  assert.match(lines.join("\n"), /malla-keys: changed; added MESH\.service\.nk$/m);
  assert.match(lines.join("\n"), /malla-nats-config: changed; the accounts are others/);
  const both = accounts();
  await edit(api, (data) => {
    delete data[aside];
  });
  await run(api);
  assert.ok(dataOf(api)[aside] === undefined);
  assert.equal(new Set([first, both, accounts()]).size, 3, "servers are told each time");
});

test("a new application account is added, and every key that was there stays", async () => {
  const api = new MemoryApi();
  await run(api);
  const before = dataOf(api);
  const accounts = textOf(api, "malla-nats-config", "accounts.conf");
  const lines = await run(api, { ...CONFIG, applications: ["SHOP", "BILLING"] });
  const after = dataOf(api);
  assert.deepEqual(
    Object.keys(after).filter((name) => before[name] === undefined),
    ["BILLING.application.nk", "BILLING.nk"],
  );
  for (const [name, value] of Object.entries(before)) assert.equal(after[name], value, name);
  assert.match(lines[0] ?? "", /malla-keys: changed; added BILLING\.application\.nk, BILLING\.nk$/);
  assert.match(lines[1] ?? "", /malla-router-signer: unchanged/);
  assert.match(
    lines[2] ?? "",
    /malla-nats-config: changed; the accounts are others .*rollout restart statefulset\/malla-nats`$/,
  );
  const now = textOf(api, "malla-nats-config", "accounts.conf");
  assert.deepEqual(
    accounts.split("\n").filter((line) => !now.includes(line)),
    [],
    "each JWT that was there is there, the operator's too",
  );
  await run(api, { ...CONFIG, applications: [] });
  assert.deepEqual(dataOf(api), after, "an account that is no more asked for stays");
});

test("another number of servers changes their configuration, and not the keys", async () => {
  const api = new MemoryApi();
  await run(api, { ...CONFIG, nats: { ...CONFIG.nats, replicas: 1 } });
  const [keys, signer] = allOf(api);
  const lines = await run(api);
  assert.deepEqual(allOf(api).slice(0, 2), [keys, signer]);
  assert.match(
    lines[2] ?? "",
    /changed; accounts\.conf, cluster\.conf, malla-nats-0\.conf, .*, nats-server\.conf changed: servers take it when/,
  );
});

test("keys that came in a Secret by hand are completed", async () => {
  const full = new MemoryApi();
  await run(full);
  const kept = Object.entries(dataOf(full)).filter(([name]) => !/^(AUTH|FUNC)|secret$/.test(name));
  const api = new MemoryApi();
  await api.create(SECRET, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "malla-keys", namespace: "mesh", labels: { team: "ours" } },
    data: Object.fromEntries(kept),
  } as SecretObject);
  const lines = await run(api);
  assert.match(lines[0] ?? "", /added .*AUTH\.nk.*FUNC\.nk.*cluster\.secret/);
  for (const [name, value] of kept) assert.equal(dataOf(api)[name], value, name);
  assert.deepEqual(secret(api, "malla-keys").metadata.labels, { team: "ours" });
});

test("a damaged key is named and left, and nothing else is written", async () => {
  const api = new MemoryApi();
  await run(api);
  const seed = textOf(api, "malla-keys", "MESH.service.nk").trim();
  await edit(api, (data) => {
    data["MESH.service.nk"] = Buffer.from(seed.slice(0, 30)).toString("base64");
  });
  const before = allOf(api);
  await assert.rejects(run(api, { ...CONFIG, applications: ["BILLING"] }), (error: Error) => {
    assert.match(error.message, /Secret mesh\/malla-keys, key MESH\.service\.nk: this is no nkey seed/);
    return !error.message.includes(seed.slice(0, 10)) && !error.message.includes("/tmp");
  });
  assert.deepEqual(allOf(api), before);
});

test("keys that were lost are not made anew", async () => {
  const api = new MemoryApi();
  await run(api);
  for (const name of ["operator.nk", "policy.nk"]) {
    const value = dataOf(api)[name] as string;
    await edit(api, (data) => delete data[name]);
    await assert.rejects(run(api), new RegExp(`has keys, and no ${name}: .*Restore it from a backup`));
    await edit(api, (data) => Object.assign(data, { [name]: value }));
  }
  await run(api);
  await api.delete(SECRET, { namespace: "mesh", name: "malla-keys" });
  await assert.rejects(run(api), /malla-keys is not there, and malla-nats-config is.*keys of a mesh were lost/);
});

test("what the API refuses is said as it says it", async () => {
  const api = new MemoryApi();
  api.refuse = (request) => (request.startsWith("create") ? new Error("Forbidden: no") : undefined);
  await assert.rejects(run(api), /Forbidden: no/);
});
