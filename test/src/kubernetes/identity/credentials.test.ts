// Credentials for workloads: by an annotation, by a MeshService, in one namespace each; renewed, and taken away.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { issueCredentials } from "@malla/broker-config";
import { connect } from "@malla/sdk";
import { readCredentials } from "@malla/sdk/contract";
import { eventually } from "../../harness/index.ts";
import { kubernetesOrSkip } from "../harness/index.ts";
import { OperatorMesh, type OperatorProcess } from "../operator/operator-mesh.ts";

const { skip, binaries } = kubernetesOrSkip();
const HOUR_MS = 3_600_000;
/** A pass looks at everything this often, and a little more. */
const PASS_MS = 45_000;

const NAMESPACES = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { malla.dev/mesh: "true" } }
---
apiVersion: v1
kind: Namespace
metadata: { name: pay, labels: { malla.dev/mesh: "true" } }
---
apiVersion: v1
kind: Namespace
metadata: { name: outside }
`;

function deployment(name: string, namespace: string, annotations: Record<string, string>): string {
  const labels = { app: name };
  const container = { name: "main", image: "example.net/orders:1" };
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, annotations },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [container] } } },
  });
}

interface Secret {
  readonly metadata: {
    readonly uid: string;
    readonly ownerReferences: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly data: Readonly<Record<string, string>>;
}

describe("credentials for workloads", { skip }, () => {
  let world: OperatorMesh;
  let operator: OperatorProcess;
  let folder: string;

  before(async () => {
    if (skip !== false) return;
    folder = await mkdtemp(join(tmpdir(), "malla-identity-"));
    world = await OperatorMesh.start(binaries(), { routers: 1 });
    await world.apply(NAMESPACES);
    operator = await world.operator();
    await world.leads(operator);
  });
  after(async () => {
    await world?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function secret(service: string, namespace = "shop"): Promise<Secret | undefined> {
    const { code, stdout } = await world.api.kubectl([
      "get",
      "secret",
      `malla-${service}`,
      "-n",
      namespace,
      "-o",
      "json",
    ]);
    return code === 0 ? (JSON.parse(stdout) as Secret) : undefined;
  }

  async function untilSecret(service: string, holds: (secret: Secret) => void, withinMs = 15_000): Promise<Secret> {
    return await eventually(
      async () => {
        const found = await secret(service);
        assert.ok(found !== undefined, `there is no Secret for ${service}\n${operator.stderr}`);
        holds(found);
        return found;
      },
      { withinMs, everyMs: 200 },
    );
  }

  function text({ data }: Secret, key = "service.creds"): string {
    return Buffer.from(data[key] ?? "", "base64").toString("utf8");
  }

  async function untilEvent(namespace: string, reason: string, message: RegExp): Promise<void> {
    await eventually(
      async () => {
        const found = await world.api.must([
          "get",
          "events",
          "-n",
          namespace,
          "-o",
          "jsonpath={range .items[*]}{.reason}: {.message}{'\\n'}{end}",
        ]);
        const told = found.split("\n").find((line) => line.startsWith(`${reason}: `) && message.test(line));
        assert.ok(told !== undefined, found);
      },
      { withinMs: 15_000, everyMs: 200 },
    );
  }

  it("a Deployment with the annotation gets a Secret, with which the SDK serves", async () => {
    await world.apply(deployment("orders", "shop", { "malla.dev/service": "orders" }));
    const found = await untilSecret("orders", ({ metadata }) => {
      assert.deepEqual(
        metadata.ownerReferences.map(({ kind, name }) => `${kind} ${name}`),
        ["Deployment orders"],
      );
    });
    const { principal, role, expiresAtMs = 0 } = readCredentials(text(found));
    assert.deepEqual([principal, role], ["orders", "service"]);
    const hours = (expiresAtMs - Date.now()) / HOUR_MS;
    assert.ok(hours > 23.5 && hours <= 24.01, `${hours} hours`);
    const credentials = join(folder, "service.creds");
    await writeFile(credentials, text(found), { mode: 0o600 });
    const servers = text(found, "NATS_URL");
    const orders = await connect({ service: "orders", version: "1.0.0", servers, credentials, drainOn: [] });
    try {
      await orders.serve({ create: () => "made" });
      const cart = await world.mesh.caller("cart");
      await eventually(async () => assert.equal(await cart.call("orders", "create", {}), "made"));
    } finally {
      await orders.drain();
    }
    await untilEvent("shop", "Issued", /Secret malla-orders: there are none/);
  });

  it("the name is the namespace's that had it; outside of the mesh nobody has any", async () => {
    await world.apply(deployment("orders", "pay", { "malla.dev/service": "orders" }));
    await untilEvent("pay", "NameTaken", /service orders belongs to namespace shop/);
    await world.apply(deployment("stock", "outside", { "malla.dev/service": "stock" }));
    await world.apply(deployment("till", "pay", { "malla.dev/service": "till", "malla.dev/role": "operator" }));
    await untilEvent("pay", "Invalid", /role "operator": a workload may have service or direct/);
    assert.equal(await secret("orders", "pay"), undefined);
    assert.equal(await secret("stock", "outside"), undefined);
    assert.equal(await secret("till", "pay"), undefined);
  });

  it("a MeshService says where its credentials are and how long they hold", async () => {
    await world.apply(`
apiVersion: malla.dev/v1
kind: MeshService
metadata: { name: cart, namespace: shop }
spec: { role: direct, directTo: [orders], lifetimeHours: 2 }
`);
    const found = await untilSecret("cart", () => undefined);
    assert.deepEqual(readCredentials(text(found)).directTo, ["orders"]);
    const status = await eventually(async () => {
      const object = await world.api.must(["get", "meshservice", "cart", "-n", "shop", "-o", "json"]);
      const { status } = JSON.parse(object) as {
        status?: { secretName: string; expiresAt: string; conditions: { type: string; status: string }[] };
      };
      assert.ok(status !== undefined);
      return status;
    });
    assert.equal(status.secretName, "malla-cart");
    assert.deepEqual(
      status.conditions.map(({ type, status: said }) => `${type}=${said}`),
      ["Accepted=True", "Issued=True"],
    );
    const hours = (Date.parse(status.expiresAt) - Date.now()) / HOUR_MS;
    assert.ok(hours > 1.9 && hours <= 2.01, `${hours} hours`);
  });

  it("a Secret of somebody else is left as it is", async () => {
    await world.api.must(["create", "secret", "generic", "malla-mine", "-n", "shop", "--from-literal=a=b"]);
    await world.apply(deployment("mine", "shop", { "malla.dev/service": "mine" }));
    await untilEvent("shop", "SecretConflict", /is not the operator's/);
    assert.deepEqual((await secret("mine"))?.data, { a: "Yg==" });
  });

  it("what is about to end is renewed; what was deleted by hand is made anew", async () => {
    const { keys } = world.mesh;
    const short = await issueCredentials(keys, { name: "orders", role: "service", expiresInMs: 2_000 });
    const patch = { data: { "service.creds": Buffer.from(short).toString("base64") } };
    await world.api.must([
      "patch",
      "secret",
      "malla-orders",
      "-n",
      "shop",
      "--type=merge",
      "-p",
      JSON.stringify(patch),
    ]);
    const before = await secret("cart");
    await world.api.must(["delete", "secret", "malla-cart", "-n", "shop"]);
    await untilSecret(
      "orders",
      (found) => {
        const { expiresAtMs = 0 } = readCredentials(text(found));
        assert.ok(expiresAtMs > Date.now() + 23 * HOUR_MS);
      },
      PASS_MS,
    );
    await untilSecret("cart", ({ metadata }) => assert.notEqual(metadata.uid, before?.metadata.uid), PASS_MS);
    await untilEvent("shop", "Issued", /two thirds of their life are over/);
  });

  it("another operator goes on with what is there", async () => {
    const before = await secret("orders");
    await operator.end("SIGKILL");
    operator = await world.operator();
    await world.leads(operator, 60_000);
    await world.apply(deployment("late", "shop", { "malla.dev/service": "late" }));
    await untilSecret("late", () => undefined);
    assert.deepEqual((await secret("orders"))?.data, before?.data);
  });

  it("who no longer wants credentials loses them, and the name is free for others", async () => {
    await world.api.must(["annotate", "deployment", "orders", "-n", "shop", "malla.dev/service-"]);
    await eventually(async () => assert.equal(await secret("orders"), undefined), { withinMs: 15_000 });
    await eventually(async () => assert.notEqual(await secret("orders", "pay"), undefined), { withinMs: PASS_MS });
  });
});
