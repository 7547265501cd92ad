import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { contentHash, documentName } from "@malla/sdk/resources";
import type { KubernetesObject } from "../kubernetes/api.ts";
import { MemoryApi } from "../kubernetes/memory-api.test.fixture.ts";
import { GRPC_ROUTE, HTTP_ROUTE, MESH_SERVICE, REFERENCE_GRANT, SERVICE } from "../kubernetes/resource-kinds.ts";
import { WatchKind } from "../kubernetes/watch-kind.ts";
import { GatewaySource } from "./gateway-source.ts";
import type { PassResult } from "./source.ts";

const NOW = "2030-01-01T00:00:00Z";
const OWNER = "kubernetes/shop/HTTPRoute/canary";

describe("routes as a source of documents", () => {
  let api: MemoryApi;
  let watches: WatchKind[];
  let source: GatewaySource;
  const errors: unknown[] = [];

  beforeEach(async () => {
    api = new MemoryApi();
    watches = [HTTP_ROUTE, GRPC_ROUTE, SERVICE, MESH_SERVICE, REFERENCE_GRANT].map(
      (kind) => new WatchKind({ api, kind, namespace: undefined, onChange: () => undefined, onError: () => undefined }),
    );
    const [http, grpc, services, meshServices, grants] = watches as [
      WatchKind,
      WatchKind,
      WatchKind,
      WatchKind,
      WatchKind,
    ];
    source = new GatewaySource({
      api,
      routes: [http, grpc],
      services: [services],
      meshServices: [meshServices],
      grants: [grants],
      names: {
        synced: true,
        read: () => ({
          isOpen: (namespace) => namespace === "shop",
          ownerOf: () => undefined,
          refusal: () => undefined,
        }),
      },
      onError: (error) => errors.push(error),
    });
    await api.create(SERVICE, { apiVersion: "v1", kind: "Service", metadata: { name: "catalog", namespace: "shop" } });
    for (const watch of watches) watch.start();
    while (!source.synced) await new Promise(setImmediate);
  });
  afterEach(() => {
    for (const watch of watches) watch.stop();
    assert.deepEqual(errors, []);
  });

  async function route(namespace = "shop"): Promise<void> {
    await api.create(HTTP_ROUTE, {
      apiVersion: HTTP_ROUTE.apiVersion,
      kind: HTTP_ROUTE.kind,
      metadata: { name: "canary", namespace },
      spec: { parentRefs: [{ group: "", kind: "Service", name: "catalog" }], rules: [{}] },
    });
  }

  /** A pass after which the routers given have everything. */
  function passed(some: Partial<PassResult> = {}): PassResult {
    const inPolicy = new Map(
      source.wishes().wanted.map(({ document }) => [documentName(document), contentHash(document)]),
    );
    const accepted = { type: "accepted", message: "" } as const;
    return {
      outcomes: new Map([[OWNER, { verdict: accepted, inPolicy }]]),
      mesh: { type: "reached" },
      revisionOf: () => 7,
      spread: () => ({ type: "everywhere", routers: 1 }),
      now: NOW,
      mayWrite: () => true,
      ...some,
    };
  }

  function said(namespace = "shop"): string[] {
    const { status } = api.peek(HTTP_ROUTE, namespace, "canary") as {
      status?: { parents: { conditions: { type: string; status: string; reason: string }[] }[] };
    };
    return status?.parents[0]?.conditions.map(({ type, status: holds, reason }) => `${type}=${holds} ${reason}`) ?? [];
  }

  it("want their documents, and are told when they are in force", async () => {
    await route();
    assert.deepEqual(
      source.wishes().wanted.map(({ owner }) => owner),
      [OWNER],
    );
    assert.equal(await source.settle(passed()), true);
    assert.deepEqual(said(), [
      "Accepted=True Accepted",
      "ResolvedRefs=True ResolvedRefs",
      "malla.dev/Programmed=True Programmed",
    ]);
  });

  it("are written only when there is news, and a router that comes later is none", async () => {
    await route();
    await source.settle(passed());
    const count = api.requests.filter((request) => request.startsWith("status")).length;
    await source.settle(passed({ now: "2030-01-02T00:00:00Z" }));
    await source.settle(passed({ spread: () => ({ type: "behind", routers: ["router-new"] }) }));
    assert.equal(api.requests.filter((request) => request.startsWith("status")).length, count);
  });

  it("are told why the mesh does not take them, and that it cannot be reached", async () => {
    await route();
    const conflict = { verdict: { type: "conflict", message: "taken" }, inPolicy: new Map() } as const;
    await source.settle(passed({ outcomes: new Map([[OWNER, conflict]]) }));
    assert.deepEqual(said()[0], "Accepted=False UnsupportedValue");
    await source.settle(passed());
    await source.settle(passed({ outcomes: undefined, mesh: { type: "unreachable", why: "it is away" } }));
    assert.deepEqual(
      [said()[0], said()[2]],
      ["Accepted=True Accepted", "malla.dev/Programmed=Unknown MeshUnreachable"],
    );
  });

  it("of namespaces outside of the mesh want nothing and are told nothing", async () => {
    await route("other");
    assert.deepEqual(source.wishes().wanted, []);
    await source.settle(passed({ outcomes: new Map() }));
    assert.deepEqual(said("other"), []);
  });

  it("are left alone by who may not write, and changed meanwhile they wait for the next pass", async () => {
    await route();
    await source.settle(passed({ mayWrite: () => false }));
    assert.deepEqual(said(), []);
    const result = passed();
    const there = api.peek(HTTP_ROUTE, "shop", "canary") as KubernetesObject;
    await api.replace(HTTP_ROUTE, { ...there, spec: { rules: [] } });
    assert.equal(await source.settle(result), true);
    assert.deepEqual(said(), []);
  });
});
