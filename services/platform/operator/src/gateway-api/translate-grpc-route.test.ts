import assert from "node:assert/strict";
import { test } from "node:test";
import { parentOf, serviceOf, specsOf, translateOne } from "./objects.test.fixture.ts";

const GRPC = { kind: "GRPCRoute", parentRefs: [parentOf("order-history")] } as const;
const NAMED = serviceOf("order-history", { "malla.dev/grpc-service": "shop.v1.Orders" });
const SERVICES = { services: [serviceOf("order-history"), serviceOf("archive")] };

const taken: readonly [object | undefined, readonly string[] | undefined][] = [
  [undefined, undefined],
  [{ method: "Get" }, ["Get"]],
  [{ service: "shop.OrderHistory" }, undefined],
  [{ service: ".shop.OrderHistory", method: "Get" }, ["Get"]],
  [{ type: "RegularExpression", method: "Get.*|List" }, ["Get*", "List"]],
  [{ type: "RegularExpression", service: ".*", method: ".*" }, undefined],
  [{ type: "RegularExpression", service: "order-.+" }, undefined],
];
for (const [method, methods] of taken) {
  test(`${JSON.stringify(method)} is ${methods?.join(", ") ?? "every method"}`, () => {
    const translated = translateOne([{ matches: [{ method }] }], GRPC, SERVICES);
    assert.equal(translated.parents[0]?.refused, undefined);
    assert.deepEqual(specsOf(translated)["00-00"].match.methods, methods);
  });
}

const refused: readonly [object, RegExp][] = [
  [
    { matches: [{ method: { service: "shop.Orders" } }] },
    /is not the gRPC service of the parent, which is order-history/,
  ],
  [{ matches: [{ method: { type: "RegularExpression", service: "shop\\..*" } }] }, /does not match the gRPC service/],
  [{ matches: [{ method: { type: "RegularExpression", service: "(?=a)" } }] }, /expression/],
  [{ matches: [{ method: { method: "_Get" } }] }, /"_Get" is no method of the mesh/],
  [{ matches: [{ method: { type: "RegularExpression", method: "Get." } }] }, /exactly one of any character/],
  [{ matches: [{ method: { type: "Prefix" } }] }, /type: "Prefix" is not supported/],
  [{ filters: [{ type: "RequestMirror" }] }, /RequestMirror" is not supported/],
  [{ timeouts: { request: "1s" } }, /rules\[0\]\.timeouts: is not supported/],
  [{ sessionPersistence: {} }, /sessionPersistence: is not supported/],
];
for (const [rule, why] of refused) {
  test(`refuses ${JSON.stringify(rule)}`, () => {
    const translated = translateOne([rule], GRPC, SERVICES);
    assert.match(translated.parents[0]?.refused?.message ?? "", why);
  });
}

test("the full name of the gRPC service is the annotation's, where there is one", () => {
  const matches = (service: string): unknown => [{ matches: [{ method: { service } }] }];
  const world = { services: [NAMED] };
  assert.equal(translateOne(matches("shop.v1.Orders"), GRPC, world).parents[0]?.refused, undefined);
  assert.match(
    translateOne(matches("shop.OrderHistory"), GRPC, world).parents[0]?.refused?.message ?? "",
    /shop\.v1\.Orders/,
  );
});

test("headers, weights and other services as in HTTP", () => {
  const rule = {
    matches: [{ headers: [{ name: "X-Tenant", value: "acme" }] }],
    backendRefs: [{ name: "order-history", weight: 9 }, { name: "archive" }],
  };
  assert.deepEqual(specsOf(translateOne([rule], GRPC, SERVICES))["00-00"], {
    match: { service: "order-history", headers: { "x-tenant": { exact: "acme" } } },
    destinations: [{ weight: 9 }, { service: "archive", weight: 1 }],
  });
});

test("a GRPCRoute without rules has none", () => {
  const translated = translateOne(undefined, GRPC, SERVICES);
  assert.deepEqual(translated.parents[0]?.refused, { reason: "UnsupportedValue", message: "there is no rule in it" });
});
