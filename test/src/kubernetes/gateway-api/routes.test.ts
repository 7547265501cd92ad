// Routes of the Gateway API whose parent is a service of the mesh: they steer its calls, and say so as the standard wants it.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Mesh } from "@malla/sdk";
import { MeshError } from "@malla/sdk/contract";
import { eventually } from "../../harness/index.ts";
import { kubernetesOrSkip } from "../harness/index.ts";
import { OperatorMesh } from "../operator/operator-mesh.ts";
import { applyGatewayCrds } from "./gateway-crds.ts";

const { skip, binaries } = kubernetesOrSkip();

interface Parent {
  readonly parentRef: object;
  readonly controllerName: string;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
    readonly observedGeneration: number;
  }[];
}

const SERVICES = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { malla.dev/mesh: "true" } }
---
apiVersion: v1
kind: Service
metadata: { name: catalog, namespace: shop }
spec: { clusterIP: None }
---
apiVersion: v1
kind: Service
metadata: { name: catalog-v1, namespace: shop, annotations: { malla.dev/service: catalog, malla.dev/version: 1.x } }
spec: { clusterIP: None }
---
apiVersion: v1
kind: Service
metadata: { name: catalog-v2, namespace: shop, annotations: { malla.dev/service: catalog, malla.dev/version: 2.x } }
spec: { clusterIP: None }
`;

const PARENTS = `[{ group: "", kind: Service, name: catalog }]`;

function canary(first: number, second: number, more = ""): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: canary, namespace: shop }
spec:
  parentRefs: ${PARENTS}
  rules:
    - matches: [{ path: { type: Exact, value: /list } }]
      backendRefs:
        - { name: catalog-v1, port: 80, weight: ${first} }
        - { name: catalog-v2, port: 80, weight: ${second} }
${more}`;
}

describe("Gateway API", { skip }, () => {
  let world: OperatorMesh;
  let cart: Mesh;

  before(async () => {
    if (skip !== false) return;
    world = await OperatorMesh.start(binaries(), { routers: 1 });
    await applyGatewayCrds(world.api);
    await world.apply(SERVICES);
    await world.leads(await world.operator());
    for (const version of ["1.4.0", "2.0.0"])
      await world.mesh.service("catalog", { list: () => version, get: () => version }, { version });
    cart = await world.mesh.caller("cart");
    await eventually(async () => void (await cart.call("catalog", "list", {})));
  });
  after(async () => {
    await world?.stop();
  });

  async function parentsOf(kind: string, name: string): Promise<readonly Parent[]> {
    const text = await world.api.must(["get", kind, name, "-n", "shop", "-o", "json"]);
    return (JSON.parse(text) as { status?: { parents?: readonly Parent[] } }).status?.parents ?? [];
  }

  /** `Accepted=True Accepted` of the entry of ours. */
  async function until(kind: string, name: string, ...wanted: readonly string[]): Promise<Parent> {
    return await eventually(
      async () => {
        const parents = await parentsOf(kind, name);
        const ours = parents.find(({ controllerName }) => controllerName === "malla.dev/operator");
        const words = ours?.conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`) ?? [];
        for (const one of wanted) assert.ok(words.includes(one), `${one} is not in ${words.join(", ")}`);
        return ours as Parent;
      },
      { withinMs: 15_000, everyMs: 100 },
    );
  }

  async function versions(count: number): Promise<Record<string, number>> {
    const seen: Record<string, number> = {};
    for (let at = 0; at < count; at++) {
      const version = await cart.call<string>("catalog", "list", {});
      seen[version] = (seen[version] ?? 0) + 1;
    }
    return seen;
  }

  it("spreads calls by weight, and its status is the standard's", async () => {
    await world.apply(canary(90, 10, "    - {}\n"));
    const { parentRef, conditions } = await until(
      "httproute",
      "canary",
      "Accepted=True Accepted",
      "ResolvedRefs=True ResolvedRefs",
      "malla.dev/Programmed=True Programmed",
    );
    assert.deepEqual(parentRef, { group: "", kind: "Service", name: "catalog" });
    for (const { observedGeneration } of conditions) assert.equal(observedGeneration, 1);
    const seen = await versions(400);
    // Forty expected; six deviations away is a fault and no chance.
    assert.ok((seen["2.0.0"] ?? 0) > 4 && (seen["2.0.0"] ?? 0) < 80, JSON.stringify(seen));
  });

  it("a change of weights moves the calls, and drops none", async () => {
    await world.apply(canary(0, 1, "    - {}\n"));
    await eventually(
      async () => {
        assert.deepEqual(await versions(20), { "2.0.0": 20 });
      },
      { withinMs: 10_000 },
    );
  });

  it("what no rule matches is refused, and a rule that cannot be had is dropped by name", async () => {
    await world.apply(
      canary(1, 0, "    - filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: catalog } } }]\n"),
    );
    const { conditions } = await until(
      "httproute",
      "canary",
      "Accepted=True Accepted",
      "PartiallyInvalid=True UnsupportedValue",
    );
    const partly = conditions.find(({ type }) => type === "PartiallyInvalid");
    assert.match(partly?.message ?? "", /^Dropped Rule: Rule 1 \(rules\[1\]\.filters\[0\]: filter "RequestMirror"/);
    await eventually(
      async () => {
        await assert.rejects(cart.call("catalog", "get", {}, { timeoutMs: 500 }), (error) => {
          return error instanceof MeshError && error.reason === "no-instance";
        });
      },
      { withinMs: 10_000 },
    );
    assert.deepEqual(await versions(10), { "1.4.0": 10 });
  });

  it("keeps entries of other controllers, and refuses a second kind of route", async () => {
    const foreign = { parentRef: { name: "gateway" }, controllerName: "example.net/gateway", conditions: [] };
    await world.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: later, namespace: shop }
spec: { parentRefs: ${PARENTS}, rules: [{}] }
`);
    const { conditions } = await until("grpcroute", "later", "Accepted=False Conflicted");
    assert.match(conditions[0]?.message ?? "", /HTTPRoute shop\/canary already, which is older/);
    const ours = await parentsOf("grpcroute", "later");
    const patch = JSON.stringify({ status: { parents: [foreign, ...ours] } });
    await world.api.must([
      "patch",
      "grpcroute",
      "later",
      "-n",
      "shop",
      "--subresource=status",
      "--type=merge",
      "-p",
      patch,
    ]);
    await world.api.must(["delete", "httproute", "canary", "-n", "shop"]);
    await until("grpcroute", "later", "Accepted=True Accepted");
    assert.deepEqual((await parentsOf("grpcroute", "later"))[0], foreign);
  });

  it("what is deleted leaves the mesh", async () => {
    await world.api.must(["delete", "grpcroute", "later", "-n", "shop"]);
    await eventually(async () => assert.deepEqual(await world.inPolicy(), []), { withinMs: 10_000 });
    await eventually(async () => void (await cart.call("catalog", "get", {})), { withinMs: 10_000 });
  });

  it("a route of a namespace that is not part of the mesh is nobody's business", async () => {
    await world.api.must(["create", "namespace", "other"]);
    await world.apply(SERVICES.replaceAll("namespace: shop", "namespace: other").split("---").slice(1, 2).join(""));
    await world.apply(canary(0, 1).replace("namespace: shop", "namespace: other"));
    await world.apply(canary(1, 0));
    await until("httproute", "canary", "Accepted=True Accepted");
    const text = await world.api.must(["get", "httproute", "canary", "-n", "other", "-o", "jsonpath={.status}"]);
    assert.equal(text, "");
  });
});
