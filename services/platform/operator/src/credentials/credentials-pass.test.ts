import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { ensureKeys, type Keys, verifyCredentials } from "@malla/broker-config";
import type { CredentialsSecret } from "../identity/credentials-secret.ts";
import type { KubernetesObject } from "../kubernetes/api.ts";
import { EventRecorder } from "../kubernetes/events.ts";
import { MemoryApi, refusal } from "../kubernetes/memory-api.test.fixture.ts";
import { CONFIG_MAP, MESH_SERVICE, NAMESPACE, SECRET, WORKLOAD_KINDS } from "../kubernetes/resource-kinds.ts";
import { WatchKind } from "../kubernetes/watch-kind.ts";
import { ClaimedNames } from "./claimed-names.ts";
import { CredentialsPass } from "./credentials-pass.ts";
import { IssuerSource } from "./issuer-source.ts";
import { LedgerStore } from "./ledger-store.ts";

const DEPLOYMENT = WORKLOAD_KINDS[0] as (typeof WORKLOAD_KINDS)[number];

describe("a pass over credentials", () => {
  let home: string;
  let keys: Keys;
  let api: MemoryApi;
  let pass: CredentialsPass;
  let url: string;
  let nowMs: number;
  let leads: boolean;
  let watches: WatchKind[];
  const errors: unknown[] = [];

  before(async () => {
    home = await mkdtemp(join(tmpdir(), "malla-credentials-pass-"));
    keys = await ensureKeys(home);
  });
  after(() => rm(home, { recursive: true, force: true }));

  beforeEach(async () => {
    api = new MemoryApi();
    url = "nats://nats:4222";
    nowMs = Date.now();
    leads = true;
    errors.length = 0;
    watches = [DEPLOYMENT, MESH_SERVICE, NAMESPACE].map(
      (kind) => new WatchKind({ api, kind, namespace: undefined, onChange: () => undefined, onError: () => undefined }),
    );
    const [deployments, meshServices, namespaces] = watches as [WatchKind, WatchKind, WatchKind];
    for (const name of ["shop", "pay"]) {
      const metadata = { name, namespace: "", labels: { "malla.dev/mesh": "true" } };
      await api.create(NAMESPACE, { apiVersion: "v1", kind: "Namespace", metadata });
    }
    const ledger = new LedgerStore(api, "mesh", "malla");
    await ledger.load();
    const names = new ClaimedNames({
      claims: [deployments, meshServices],
      namespaces,
      listed: ["mesh"],
      selector: "malla.dev/mesh=true",
      system: "mesh",
      ledger: () => ledger.ledger,
    });
    pass = new CredentialsPass({
      api,
      names,
      ledger,
      meshServices: [meshServices],
      events: new EventRecorder(api, "test", (error) => errors.push(error)),
      issuer: new IssuerSource(async () => ({ keys, url, ca: undefined })),
      mayWrite: () => leads,
      onError: (error) => errors.push(error),
      onIssued: () => undefined,
      wallMs: () => nowMs,
    });
    for (const watch of watches) watch.start();
    while (!names.synced) await new Promise(setImmediate);
  });

  afterEach(() => {
    for (const watch of watches) watch.stop();
  });

  /** Runs a pass once the watches have brought what is there, long enough after the last one that it looks at all. */
  async function run(): Promise<boolean> {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    nowMs += 30_000;
    return await pass.run();
  }

  async function claim(annotations: Record<string, string>, name = "orders", namespace = "shop"): Promise<void> {
    const before = api.peek(DEPLOYMENT, namespace, name);
    const metadata = { ...before?.metadata, name, namespace, annotations };
    const object: KubernetesObject = { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: {} };
    await (before === undefined ? api.create(DEPLOYMENT, object) : api.replace(DEPLOYMENT, object));
  }

  function secret(service = "orders", namespace = "shop"): CredentialsSecret | undefined {
    return api.peek(SECRET, namespace, `malla-${service}`) as CredentialsSecret | undefined;
  }

  function credentials(found: CredentialsSecret | undefined): string {
    return Buffer.from(found?.data?.["service.creds"] ?? "", "base64").toString("utf8");
  }

  const ORDERS = { "malla.dev/service": "orders" };

  it("writes down who has a name before it issues", async () => {
    await claim(ORDERS);
    assert.equal(await run(), true);
    const creations = api.requests.filter((request) => /^create (configmaps|secrets)/.test(request));
    assert.deepEqual(creations, ["create configmaps mesh/malla-identities", "create secrets shop/malla-orders"]);
    assert.equal(verifyCredentials(keys, credentials(secret()))?.principal, "orders");
  });

  it("writes nothing twice, and nothing without the lease", async () => {
    await claim(ORDERS);
    leads = false;
    await run();
    assert.equal(secret(), undefined);
    leads = true;
    await run();
    const count = api.requests.filter((request) => /^(create|update|apply|status|delete) /.test(request)).length;
    await run();
    assert.equal(api.requests.filter((request) => /^(create|update|apply|status|delete) /.test(request)).length, count);
  });

  it("takes a Secret back when nobody wants it, and then another namespace may have the name", async () => {
    await claim(ORDERS);
    await run();
    await claim(ORDERS, "orders", "pay");
    await run();
    assert.equal(secret("orders", "pay"), undefined);
    await claim({});
    await run();
    assert.equal(secret(), undefined);
    await run();
    assert.notEqual(secret("orders", "pay"), undefined);
    const { data } = api.peek(CONFIG_MAP, "mesh", "malla-identities") as { data?: object };
    assert.deepEqual(Object.keys(data ?? {}), ["pay.orders"]);
  });

  it("a slip of the pen takes nothing away, even in the name", async () => {
    await claim(ORDERS);
    await run();
    const before = credentials(secret());
    for (const slip of [{ ...ORDERS, "malla.dev/role": "operator" }, { "malla.dev/service": "Orders" }]) {
      await claim(slip);
      await run();
      assert.equal(credentials(secret()), before);
    }
  });

  it("another URL is written at the next pass, with the same credentials", async () => {
    await claim(ORDERS);
    await run();
    const before = credentials(secret());
    url = "tls://nats:4222";
    nowMs -= 30_000;
    await run();
    assert.equal(Buffer.from(secret()?.data?.["NATS_URL"] ?? "", "base64").toString(), url);
    assert.equal(credentials(secret()), before);
  });

  it("says of a MeshService that its Secret could not be written, and tries again", async () => {
    const metadata = { name: "cart", namespace: "shop" };
    await api.create(MESH_SERVICE, { apiVersion: "malla.dev/v1", kind: "MeshService", metadata, spec: {} });
    api.refuse = (request) => (request.startsWith("create secrets") ? refusal(403, "Forbidden") : undefined);
    assert.equal(await run(), false);
    const reason = (): unknown => {
      const { status } = api.peek(MESH_SERVICE, "shop", "cart") as { status?: { conditions: { reason: string }[] } };
      return status?.conditions.map((condition) => condition.reason);
    };
    assert.deepEqual(reason(), ["Accepted", "SecretFailed"]);
    assert.equal(errors.length, 1);
    api.refuse = () => undefined;
    assert.equal(await run(), true);
    assert.deepEqual(reason(), ["Accepted", "Issued"]);
  });

  it("a Secret of somebody else that is there stays as it is", async () => {
    const foreign = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "malla-orders", namespace: "shop" },
      data: { a: "Yg==" },
    };
    await api.create(SECRET, foreign);
    await claim(ORDERS);
    await run();
    await claim({});
    await run();
    assert.deepEqual(secret()?.data, { a: "Yg==" });
  });
});
