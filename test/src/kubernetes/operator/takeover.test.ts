// One operator works at a time: whoever is killed, loses the lease or is stopped leaves the rest to another, and none of them
// may touch what is not the operator's business.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { documentKey, HEAD_KEY, POLICY_BUCKET } from "@malla/sdk/discovery";
import { eventually, timed } from "../../harness/index.ts";
import { kubernetesOrSkip } from "../harness/index.ts";
import { LEASE_NAME, OperatorMesh, type OperatorProcess, SYSTEM_NAMESPACE } from "./operator-mesh.ts";

const { skip, binaries } = kubernetesOrSkip();
/** A lease that nobody renews is taken after 15 s, by one that looks every 2 s. */
const TAKEN_MS = 30_000;

const access = (name: string): string => `
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: ${name} }
spec: { service: ${name}, rules: [{ principals: [orders] }] }
`;

describe("several operators", { skip }, () => {
  let world: OperatorMesh;
  let first: OperatorProcess;
  let second: OperatorProcess;

  before(async () => {
    if (skip !== false) return;
    world = await OperatorMesh.start(binaries(), { routers: 1 });
    first = await world.operator();
    await world.leads(first);
    second = await world.operator();
  });
  after(async () => {
    await world?.stop();
  });

  it("one is killed among changes, and another takes over and finishes", async () => {
    const names = Array.from({ length: 20 }, (_, i) => `change-${i}`);
    const applying = world.apply(names.map(access).join("---\n"));
    await eventually(async () => assert.ok((await world.inPolicy()).length > 0), { withinMs: 10_000 });
    await first.end("SIGKILL");
    await applying;
    await world.api.must(["delete", "accesspolicy", "change-0", "--wait=false"]);
    await world.leads(second, TAKEN_MS);
    await eventually(
      async () => assert.deepEqual([...(await world.inPolicy())].sort(), names.slice(1).map(fullName).sort()),
      { withinMs: 10_000 },
    );
    for (const name of names.slice(1)) await world.until("accesspolicy", name, "Programmed", "Programmed");
    assert.notEqual((await world.api.kubectl(["get", "accesspolicy", "change-0"])).code, 0, "its finalizer is gone");
  });

  it("one that is stopped gives the lease back, so that another takes over at once", async () => {
    first = await world.operator();
    await eventually(() => assert.match(first.stderr, /operator started/));
    const { result, ms } = await timed(async () => {
      const ended = await second.end("SIGTERM");
      await world.leads(first, 10_000);
      return ended;
    });
    assert.deepEqual(result, { code: 0, signal: null });
    assert.ok(ms < 10_000, `${ms} ms`);
    await world.apply(access("after"));
    await world.until("accesspolicy", "after", "Programmed", "Programmed");
  });

  it("one that loses the lease stops writing, and works again when it has it back", async () => {
    const stolen = JSON.stringify({ spec: { holderIdentity: "thief", leaseDurationSeconds: 5 } });
    await world.api.must(["patch", "lease", LEASE_NAME, "-n", SYSTEM_NAMESPACE, "--type=merge", "-p", stolen]);
    await eventually(() => assert.match(first.stderr, /does not hold the lease any more/), { withinMs: 5_000 });
    await world.apply(access("orphan"));
    // The thief renews for as long as this looks, so nobody may write.
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      assert.ok(!(await world.inPolicy()).includes("AccessPolicy/orphan"));
    }
    await world.leads(first, TAKEN_MS);
    await world.until("accesspolicy", "orphan", "Programmed", "Programmed");
  });

  it("a head and documents that were deleted from the bucket itself come again", async () => {
    const wanted = [...(await world.inPolicy())].sort();
    const desk = await world.mesh.desk();
    const { signed } = await desk.read();
    // As `nats kv del` does it: the deletion is a message of its own.
    const raw = await world.mesh.raw("operator", "operator", "CTRL");
    const marker = new TextEncoder().encode("NATS/1.0\r\nKV-Operation: DEL\r\n\r\n");
    raw.publish(`$KV.${POLICY_BUCKET}.${HEAD_KEY}`, new Uint8Array(0), undefined, marker);
    await raw.flush();
    await eventually(
      async () => {
        const now = await desk.read();
        assert.equal(now.spoiled, undefined);
        assert.ok((now.signed?.head.revision ?? 0) > (signed?.head.revision ?? 0));
        assert.deepEqual(now.documents.map(({ document }) => fullName(document.metadata.name)).sort(), wanted);
      },
      { withinMs: 5_000 },
    );
    const hash = (await world.resource("accesspolicy", "after")).status?.contentHash ?? "";
    await desk.bucket.delete(documentKey(hash));
    await eventually(async () => assert.ok(await desk.bucket.get(documentKey(hash))), {
      withinMs: 70_000,
      everyMs: 500,
    });
    await world.apply(access("later"));
    await world.until("accesspolicy", "later", "Programmed", "Programmed");
  });

  it("as its ServiceAccount it may do what it does, and nothing else", async () => {
    const account = `system:serviceaccount:${SYSTEM_NAMESPACE}:operator`;
    const may = async (verb: string, resource: string, namespace = "default"): Promise<boolean> => {
      const [name = "", below] = resource.split("/");
      const subresource = below === undefined ? [] : [`--subresource=${below}`];
      const args = ["auth", "can-i", verb, name, ...subresource, "-n", namespace, `--as=${account}`];
      return (await world.api.kubectl(args)).code === 0;
    };
    const allowed = [
      ["watch", "routes.malla.dev"],
      ["patch", "accesspolicies.malla.dev"],
      ["update", "servicepolicies.malla.dev/status"],
      ["get", "secrets"],
      ["list", "deployments.apps"],
    ] as const;
    for (const [verb, resource] of allowed) assert.ok(await may(verb, resource), `${verb} ${resource}`);
    const forbidden = [
      ["list", "secrets"],
      ["watch", "secrets"],
      ["delete", "routes.malla.dev"],
      ["create", "accesspolicies.malla.dev"],
      ["update", "deployments.apps"],
      ["get", "pods"],
      ["create", "pods"],
      ["get", "configmaps"],
      ["create", "clusterrolebindings.rbac.authorization.k8s.io"],
      ["update", "leases.coordination.k8s.io"],
      ["create", "serviceaccounts/token"],
      ["impersonate", "users"],
    ] as const;
    for (const [verb, resource] of forbidden) assert.ok(!(await may(verb, resource)), `${verb} ${resource}`);
    assert.ok(!(await may("get", "leases.coordination.k8s.io", "kube-system")), "leases of others");
    // What it did until here it did with these rights alone.
    assert.doesNotMatch(first.stderr, /Forbidden/);
  });
});

function fullName(name: string): string {
  return `AccessPolicy/${name}`;
}
