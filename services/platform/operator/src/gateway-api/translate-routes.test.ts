import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshDocument } from "@malla/sdk/contract";
import { compile, matchRoute } from "@malla/sdk/engine";
import { canonicalBytes } from "@malla/sdk/resources";
import fc from "fast-check";
import { parentOf, routeOf, serviceOf, specsOf, translateOne, type World, worldOf } from "./objects.test.fixture.ts";
import type { RouteKind } from "./route-objects.ts";
import { NO_VERSION } from "./rule-parts.ts";
import { type TranslatedRoute, translateRoutes } from "./translate-routes.ts";

const EXACT = [{ matches: [{ path: { type: "Exact", value: "/list" } }] }];

function refusal(translated: TranslatedRoute | undefined, parent = 0): [string | undefined, string] {
  const refused = translated?.parents[parent]?.refused;
  return [refused?.reason, refused?.message ?? ""];
}

test("documents are named after the route and the place in it, and are as old as it", () => {
  const route = routeOf([...EXACT, { matches: [{}, { headers: [{ name: "a", value: "b" }] }] }]);
  const [translated] = translateRoutes(worldOf([route]));
  const names = translated?.documents.map(({ metadata }) => metadata.name) ?? [];
  const hash = /^shop-canary-([0-9a-f]{8})-00-00$/.exec(names[0] ?? "")?.[1];
  assert.deepEqual(names, [`shop-canary-${hash}-00-00`, `shop-canary-${hash}-01-00`, `shop-canary-${hash}-01-01`]);
  assert.equal(translated?.documents[0]?.metadata.createdAt, "2026-01-02T03:04:05.000Z");
});

test("long names are cut, and stay apart", () => {
  const long = "a".repeat(60);
  const routes = ["x", "y"].map((end) => routeOf([{}], { name: `${long}.${end}` }));
  const names = translateRoutes(worldOf(routes)).flatMap(({ documents }) =>
    documents.map(({ metadata }) => metadata.name),
  );
  assert.equal(new Set(names).size, 2);
  for (const name of names) assert.ok(name.length <= 63, name);
});

test("several parents, and those that are not the mesh's", () => {
  const parentRefs = [
    { name: "gateway" },
    parentOf("catalog"),
    { group: "x", kind: "Service", name: "a" },
    parentOf("search"),
  ];
  const translated = translateOne([{}], { parentRefs });
  assert.deepEqual(
    translated.parents.map(({ parentRef }) => parentRef),
    [parentRefs[1], parentRefs[3]],
  );
  assert.deepEqual(
    translated.documents.map(({ spec }) => "match" in spec && spec.match.service),
    ["catalog", "search"],
  );
});

test("two parents that are one service of the mesh are one document", () => {
  const services = [serviceOf("catalog"), serviceOf("products", { "malla.dev/service": "catalog" })];
  const translated = translateOne([{}], { parentRefs: [parentOf("catalog"), parentOf("products")] }, { services });
  assert.deepEqual(
    translated.parents.map(({ refused }) => refused),
    [undefined, undefined],
  );
  assert.equal(translated.documents.length, 1);
});

const parents: readonly [string, object, World, string, RegExp][] = [
  ["that is not there", parentOf("nobody"), {}, "NoMatchingParent", /there is no Service shop\/nobody/],
  [
    "in another namespace",
    { ...parentOf("catalog"), namespace: "pay" },
    {},
    "NotAllowedByListeners",
    /no consumer routes/,
  ],
  ["that is a part", parentOf("catalog-v2"), {}, "NoMatchingParent", /stands for a part of service catalog/],
  [
    "of another namespace's name",
    parentOf("catalog"),
    { owners: { catalog: "pay" } },
    "NotAllowedByListeners",
    /belongs to namespace pay/,
  ],
  ["with a port that is not there", { ...parentOf("catalog"), port: 81 }, {}, "NoMatchingParent", /have no port/],
  ["with another section", { ...parentOf("catalog"), sectionName: "grpc" }, {}, "NoMatchingParent", /have no port/],
  [
    "with a reserved name",
    parentOf("operator"),
    { services: [serviceOf("operator")] },
    "NoMatchingParent",
    /can be called "operator"/,
  ],
  [
    "outside of the cluster",
    parentOf("far"),
    { services: [serviceOf("far", {}, "shop", { type: "ExternalName" })] },
    "NoMatchingParent",
    /ExternalName/,
  ],
];
for (const [what, parentRef, world, reason, message] of parents) {
  test(`a parent ${what} does not take a route`, () => {
    const translated = translateOne([{}], { parentRefs: [parentRef] }, world);
    const [found, text] = refusal(translated);
    assert.equal(found, reason);
    assert.match(text, message);
    assert.deepEqual(translated.documents, []);
  });
}

test("a parent may be a MeshService, a claimed name without any object, and name its only port", () => {
  const meshService = { group: "malla.dev", kind: "MeshService", name: "stock" };
  const meshServices = [{ metadata: { name: "stock", namespace: "shop" }, spec: { service: "inventory" } }];
  const byMeshService = translateOne([{}], { parentRefs: [meshService] }, { meshServices });
  assert.deepEqual(specsOf(byMeshService)["00-00"].match, { service: "inventory" });
  const claimed = translateOne([{}], { parentRefs: [parentOf("orders")] }, { owners: { orders: "shop" } });
  assert.deepEqual(specsOf(claimed)["00-00"].match, { service: "orders" });
  const port = translateOne([{}], { parentRefs: [{ ...parentOf("catalog"), port: 80, sectionName: "http" }] });
  assert.deepEqual(refusal(port), [undefined, ""]);
});

const backends: readonly [string, object, World, string, RegExp][] = [
  [
    "that is not there",
    { name: "nobody" },
    {},
    "BackendNotFound",
    /backendRefs\[0\]: there is no Service shop\/nobody/,
  ],
  [
    "of an unknown kind",
    { group: "x.io", kind: "Bucket", name: "a" },
    {},
    "InvalidKind",
    /only Service and MeshService/,
  ],
  ["of another namespace", { name: "search", namespace: "pay" }, {}, "RefNotPermitted", /no ReferenceGrant/],
  [
    "whose name is another's",
    { name: "search" },
    { owners: { search: "pay" } },
    "RefNotPermitted",
    /belongs to namespace pay/,
  ],
  [
    "with a version that is none",
    { name: "odd" },
    { services: [serviceOf("catalog"), serviceOf("odd", { "malla.dev/version": "two" })] },
    "BackendNotFound",
    /annotation malla\.dev\/version must be a version range/,
  ],
];
for (const [what, backend, world, reason, message] of backends) {
  test(`a backend ${what} keeps its share, which is refused`, () => {
    const translated = translateOne(
      [
        {
          backendRefs: [
            { ...backend, weight: 1 },
            { name: "catalog", weight: 3 },
          ],
        },
      ],
      {},
      world,
    );
    assert.deepEqual(refusal(translated), [undefined, ""]);
    const [unresolved] = translated.parents[0]?.unresolved ?? [];
    assert.equal(unresolved?.reason, reason);
    assert.match(unresolved?.message ?? "", message);
    assert.deepEqual(specsOf(translated)["00-00"].destinations, [{ version: NO_VERSION, weight: 1 }, { weight: 3 }]);
  });
}

test("a backend of another namespace with a grant, and by tags", () => {
  const services = [serviceOf("catalog"), serviceOf("search", { "malla.dev/tags": "zone=a, tier=gold" }, "pay")];
  const from = [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "shop" }];
  const grantOf = (to: object): World => ({
    services,
    grants: [{ metadata: { name: "g", namespace: "pay" }, spec: { from, to: [to] } }],
  });
  const rules = [{ backendRefs: [{ name: "search", namespace: "pay" }] }];
  for (const to of [
    { group: "", kind: "Service" },
    { group: "", kind: "Service", name: "search" },
  ]) {
    const translated = translateOne(rules, {}, grantOf(to));
    assert.deepEqual(translated.parents[0]?.unresolved, []);
    assert.deepEqual(specsOf(translated)["00-00"].destinations, [
      { service: "search", tags: { tier: "gold", zone: "a" }, weight: 1 },
    ]);
  }
  const other = translateOne(rules, {}, grantOf({ group: "", kind: "Service", name: "else" }));
  assert.equal(other.parents[0]?.unresolved[0]?.reason, "RefNotPermitted");
});

test("of two kinds of routes at one service the older holds", () => {
  const grpc = routeOf([{}], { kind: "GRPCRoute", name: "a", createdAt: "2026-01-02T03:04:06Z" });
  const [http, second] = translateRoutes(worldOf([grpc, routeOf([{}])]));
  assert.deepEqual(refusal(http), [undefined, ""]);
  assert.equal(refusal(second)[0], "Conflicted");
  assert.match(refusal(second)[1], /HTTPRoute shop\/canary already, which is older/);
});

test("a route of which nothing can be had holds nothing", () => {
  const empty = routeOf([{ filters: [{ type: "CORS" }] }], { createdAt: "2025-01-01T00:00:00Z" });
  const [, grpc] = translateRoutes(worldOf([empty, routeOf([{}], { kind: "GRPCRoute" })]));
  assert.deepEqual(refusal(grpc), [undefined, ""]);
});

test("of two namespaces at one unclaimed service the older route holds", () => {
  const services = [serviceOf("catalog"), serviceOf("catalog", {}, "pay")];
  const late = routeOf([{}], { namespace: "pay", createdAt: "2026-01-02T03:04:06Z" });
  const [, second] = translateRoutes(worldOf([late, routeOf([{}])], { services }));
  assert.equal(refusal(second)[0], "NotAllowedByListeners");
  assert.match(refusal(second)[1], /spoken for by HTTPRoute shop\/canary/);
});

test("calls go where the standard's precedence sends them", () => {
  const header = { headers: [{ name: "x-beta", value: "1" }] };
  const rules = [
    { matches: [{ path: { value: "/" } }], backendRefs: [{ name: "search" }] },
    { matches: [{ path: { type: "RegularExpression", value: "/get.*" } }], backendRefs: [{ name: "catalog-v1" }] },
    { matches: [{ path: { type: "Exact", value: "/list" } }], backendRefs: [{ name: "catalog-v1" }] },
    { matches: [{ path: { type: "Exact", value: "/list" }, ...header }], backendRefs: [{ name: "catalog-v2" }] },
    { matches: [{ path: { type: "Exact", value: "/list" } }], backendRefs: [{ name: "search" }] },
  ];
  const { documents } = translateOne(rules);
  const { policy, problems } = compile(documents, 1);
  assert.deepEqual(
    problems.filter(({ severity }) => severity === "error"),
    [],
  );
  const goes = (method: string, headers: Record<string, string> = {}): string | undefined => {
    const facts = { service: "catalog", method, principal: "cart", header: (name: string) => headers[name] };
    return matchRoute(policy, facts)?.destinations[0]?.label;
  };
  assert.equal(goes("list"), "1.x");
  assert.equal(goes("list", { "x-beta": "1" }), "2.x");
  assert.equal(goes("getAll"), "1.x");
  assert.equal(goes("other"), "search");
});

test("the unmatched loses to a Route of the mesh that came later, and is left out where a route takes every call", () => {
  const { documents } = translateOne(EXACT);
  const own: MeshDocument = {
    apiVersion: "malla.dev/v1",
    kind: "Route",
    metadata: { name: "zz-own", createdAt: "2030-01-01T00:00:00.000Z" },
    spec: { match: { service: "catalog" }, destinations: [{ version: "1.x", weight: 1 }] },
  };
  const { policy } = compile([...documents, own], 1);
  const facts = { service: "catalog", method: "other", principal: "cart", header: () => undefined };
  assert.equal(matchRoute(policy, facts)?.name, "zz-own");
  const both = translateRoutes(worldOf([routeOf(EXACT), routeOf([{}], { name: "rest" })]));
  assert.ok(both.every(({ documents: list }) => list.every(({ metadata }) => !metadata.name.endsWith("unmatched"))));
});

// What the API server would let through without a schema, and much that it would not.
const junk = fc.oneof(
  fc.constantFrom(null, undefined, "", "x", 0, -1, true, [], {}, [null]),
  fc.jsonValue({ maxDepth: 2 }),
);
const orJunk = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary }, { weight: 1, arbitrary: junk });
const fields = (model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> =>
  orJunk(fc.record(model, { requiredKeys: [] }));
const path = fields({
  type: fc.constantFrom("Exact", "PathPrefix", "RegularExpression"),
  value: fc.constantFrom("/", "/list", "/catalog/get", "/get.*", "/(a|b)", "/a/b", "/a-b", "list", "/.+x"),
});
const header = fields({
  name: fc.constantFrom("x-a", "X-A", "x-b", "a b"),
  value: fc.constantFrom("1", "v.*", "(", ""),
  type: fc.constantFrom("Exact", "RegularExpression"),
});
const method = fields({
  type: fc.constantFrom("Exact", "RegularExpression"),
  service: fc.constantFrom("shop.Catalog", "catalog", "shop.Other"),
  method: fc.constantFrom("List", "Get.*", "_a"),
});
const backend = fields({
  name: fc.constantFrom("catalog", "catalog-v1", "catalog-v2", "search", "nobody"),
  namespace: fc.constantFrom("shop", "pay"),
  weight: fc.integer({ min: 0, max: 1_000_000 }),
  port: fc.constant(80),
});
const duration = fc.constantFrom("0s", "10ms", "1s", "4m59s", "6m", "x");
const rule = fields({
  name: fc.constant("r"),
  matches: orJunk(
    fc.array(fields({ path, method, headers: orJunk(fc.array(header, { maxLength: 3 })) }), { maxLength: 3 }),
  ),
  backendRefs: orJunk(fc.array(backend, { maxLength: 3 })),
  timeouts: fields({ request: duration, backendRequest: duration }),
  retry: fields({
    attempts: fc.integer({ min: 0, max: 12 }),
    codes: fc.array(fc.constantFrom(500, 502, 503, 504, 418)),
    backoff: duration,
  }),
  filters: orJunk(
    fc.array(
      fields({
        type: fc.constantFrom("URLRewrite", "CORS"),
        urlRewrite: fields({
          path: fields({
            type: fc.constantFrom("ReplaceFullPath", "ReplacePrefixMatch"),
            replaceFullPath: fc.constantFrom("/list", "/"),
          }),
        }),
      }),
      { maxLength: 2 },
    ),
  ),
});

const goodBackends = fc.array(fc.record({ name: fc.constantFrom("catalog", "catalog-v1", "search", "nobody") }), {
  maxLength: 2,
});
const goodHttp = fc.record({
  matches: fc.array(
    fc.record({ path: fc.constantFrom({ value: "/" }, { value: "/list" }, { type: "Exact", value: "/get" }) }),
  ),
  backendRefs: goodBackends,
});
const goodGrpc = fc.record({
  matches: fc.array(fc.record({ method: fc.constantFrom({ method: "Get" }, { service: "shop.Catalog" }) })),
  backendRefs: goodBackends,
});
const goodRule = { HTTPRoute: goodHttp, GRPCRoute: goodGrpc } as const;

test("never throws; each rule is in force or it is said why not; what comes out is valid and compiles", () => {
  const ofKind = (kind: RouteKind) =>
    fc.record({
      rules: orJunk(fc.array(fc.oneof(rule, goodRule[kind]), { maxLength: 4 })),
      kind: fc.constant(kind),
      name: fc.constantFrom("a", "b", "b.c"),
      namespace: fc.constantFrom("shop", "shop", "shop", "pay"),
      parentRefs: fc.array(fc.constantFrom(parentOf("catalog"), parentOf("search"), parentOf("nobody")), {
        minLength: 1,
        maxLength: 2,
      }),
    });
  const routes = fc.array(fc.oneof(ofKind("HTTPRoute"), ofKind("GRPCRoute")), { maxLength: 3 });
  let accepted = 0;
  fc.assert(
    fc.property(routes, (list) => {
      const distinct = new Map(list.map((one) => [`${one.kind} ${one.namespace} ${one.name}`, one]));
      const translated = translateRoutes(
        worldOf([...distinct.values()].map(({ rules, ...options }) => routeOf(rules, options))),
      );
      const documents = translated.flatMap((one) => one.documents);
      for (const document of documents) canonicalBytes(document);
      const errors = compile(documents, 1).problems.filter(({ severity }) => severity === "error");
      assert.deepEqual(errors, []);
      assert.equal(new Set(documents.map(({ metadata }) => metadata.name)).size, documents.length);
      for (const one of translated) accepted += checkAccounted(one);
    }),
    { numRuns: 1_500, seed: 11 },
  );
  assert.ok(accepted > 500, `only ${accepted} rules in force: the test says nothing`);
});

/** Every rule is a document, or dropped with a message. Returns how many are documents. */
function checkAccounted({ route, parents: outcomes, documents }: TranslatedRoute): number {
  const { rules } = route.spec as { rules?: unknown };
  const count = Array.isArray(rules) ? rules.length : 1;
  const inForce = new Set(documents.map(({ metadata }) => /-(\d\d)-\d\d$/.exec(metadata.name)?.[1]));
  inForce.delete(undefined);
  for (const { refused, dropped } of outcomes) {
    if (refused !== undefined) assert.ok(refused.message.length > 0);
    else assert.ok(dropped.length + inForce.size >= count, JSON.stringify({ dropped, inForce: [...inForce], count }));
  }
  if (outcomes.every(({ refused }) => refused !== undefined)) assert.deepEqual(documents, []);
  return inForce.size;
}
