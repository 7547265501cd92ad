// Workloads, MeshServices and namespaces as tests write them.
import type { ClaimingObject } from "./claims.ts";
import { parseSelector } from "./label-selector.ts";
import { NamespaceGuard } from "./namespace-guard.ts";

export interface Where {
  readonly name?: string;
  readonly namespace?: string;
  readonly createdAt?: string;
  readonly uid?: string;
}

function metadataOf(
  { name = "orders", namespace = "shop", createdAt = "2026-01-01T00:00:00Z", uid }: Where,
  kind: string,
) {
  return { name, namespace, uid: uid ?? `${kind}-${namespace}-${name}`, creationTimestamp: createdAt };
}

export function deployment(annotations: Record<string, string>, where: Where = {}): ClaimingObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { ...metadataOf(where, "Deployment"), annotations },
    spec: {},
  };
}

export function meshService(spec: unknown, where: Where = {}): ClaimingObject {
  return { apiVersion: "malla.dev/v1", kind: "MeshService", metadata: metadataOf(where, "MeshService"), spec };
}

/** Annotations by namespace; all of them are of the mesh. */
export function guardOf(namespaces: Readonly<Record<string, Record<string, string>>>): NamespaceGuard {
  return new NamespaceGuard(
    Object.entries(namespaces).map(([name, annotations]) => ({ metadata: { name, annotations } })),
    parseSelector(""),
  );
}
