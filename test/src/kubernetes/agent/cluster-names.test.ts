import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClusterObjects, findAddresses } from "./cluster-names.ts";
import type { EndpointSlice } from "./objects.ts";

function slice(namespace: string, service: string, endpoints: EndpointSlice["endpoints"]): EndpointSlice {
  const labels = { "kubernetes.io/service-name": service };
  return { metadata: { name: `${service}-x`, namespace, labels }, addressType: "IPv4", endpoints: endpoints ?? null };
}

const SLICES = [
  slice("shop", "web", [
    { addresses: ["10.0.0.1"], hostname: "web-0", conditions: { ready: true } },
    { addresses: ["10.0.0.2"], hostname: "web-1", conditions: { ready: false } },
  ]),
  slice("shop", "web", [{ addresses: ["10.0.0.3"] }]),
  slice("other", "web", [{ addresses: ["10.0.0.9"] }]),
  slice("shop", "empty", null),
];
const SERVICES = new Set(SLICES.map(({ metadata }) => `${metadata.namespace}/${metadata.name.slice(0, -2)}`));
const OBJECTS: ClusterObjects = {
  service: (namespace, name) =>
    SERVICES.has(`${namespace}/${name}`) ? { metadata: { name, namespace }, spec: {} } : undefined,
  endpointSlices: () => SLICES,
};

const CASES: readonly (readonly [string, readonly string[] | undefined])[] = [
  ["web.shop.svc.cluster.local", ["10.0.0.1", "10.0.0.3"]],
  ["web.other.svc.cluster.local", ["10.0.0.9"]],
  ["web-0.web.shop.svc.cluster.local", ["10.0.0.1"]],
  ["web-1.web.shop.svc.cluster.local", undefined],
  ["empty.shop.svc.cluster.local", []],
  ["none.shop.svc.cluster.local", undefined],
  ["web", undefined],
  ["svc.cluster.local", undefined],
  ["a.b.web.shop.svc.cluster.local", undefined],
];

for (const [name, want] of CASES) {
  test(`${name}: ${want ?? "no such name"}`, () => assert.deepEqual(findAddresses(name, OBJECTS), want));
}
