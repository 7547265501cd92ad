import assert from "node:assert/strict";
import { test } from "node:test";
import { claimOf } from "../identity/claims.ts";
import { SERVICE_ANNOTATION } from "../names.ts";
import type { KubernetesObject } from "./api.ts";
import { workloadPart } from "./workload-part.ts";

const POD = { containers: [{ name: "orders", image: "registry.example/orders", env: [{ name: "A", value: "b" }] }] };
const ASKS = { annotations: { [SERVICE_ANNOTATION]: "orders" }, labels: { app: "orders" } };

function workload(kind: string, spec: object, annotations: object = {}): KubernetesObject {
  const metadata = {
    name: "orders",
    namespace: "shop",
    uid: "1",
    resourceVersion: "7",
    generation: 2,
    creationTimestamp: "2030-01-01T00:00:00Z",
    labels: { app: "orders" },
    annotations,
    ownerReferences: [{ apiVersion: "batch/v1", kind: "CronJob", name: "orders", uid: "0", controller: true }],
    managedFields: [{ manager: "kubectl" }],
  };
  return { apiVersion: "apps/v1", kind, metadata, spec, status: { replicas: 3 } } as KubernetesObject;
}

const WORKLOADS: readonly KubernetesObject[] = [
  workload("Deployment", { replicas: 3, template: { metadata: {}, spec: POD } }, ASKS.annotations),
  workload("StatefulSet", { template: { metadata: ASKS, spec: POD } }),
  workload("Job", { template: { metadata: ASKS, spec: POD } }),
  workload("CronJob", { jobTemplate: { metadata: ASKS, spec: { template: { spec: POD } } } }),
  workload("CronJob", { jobTemplate: { spec: { template: { metadata: ASKS, spec: POD } } } }),
];

for (const [index, object] of WORKLOADS.entries()) {
  test(`what a ${object.kind} (${index}) asks for is held, and what it runs is not`, () => {
    const part = workloadPart(object);
    const [whole, held] = [claimOf(object), claimOf(part)];
    assert.deepEqual({ ...held, owner: undefined }, { ...whole, owner: undefined });
    const { managedFields: _fields, ...metadata } = object.metadata as object as Record<string, unknown>;
    assert.deepEqual(part.metadata, metadata);
    assert.doesNotMatch(JSON.stringify(part), /containers|managedFields|replicas/);
  });
}

test("an object without a spec is no trouble", () => {
  const bare: KubernetesObject = { apiVersion: "v1", kind: "X", metadata: { name: "x" } };
  assert.deepEqual(workloadPart(bare).spec, {});
});
