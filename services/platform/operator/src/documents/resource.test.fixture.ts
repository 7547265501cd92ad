// Resources and documents of tests.
import type { MeshDocument } from "@malla/sdk/contract";
import type { StoredDocument } from "@malla/sdk/discovery";
import { canonicalBytes, contentHash, normaliseDocument, withOwner } from "@malla/sdk/resources";
import type { KubernetesObject } from "../kubernetes/api.ts";
import type { WantedDocument } from "./wanted.ts";

export const OLD = "2030-01-01T00:00:00Z";
export const YOUNG = "2030-01-02T00:00:00Z";

export function route(name: string, spec: object = { match: { service: "catalog" } }): MeshDocument {
  return document("Route", name, spec);
}

export function document(kind: string, name: string, spec: object): MeshDocument {
  return normaliseDocument({ apiVersion: "malla.dev/v1", kind, metadata: { name }, spec } as MeshDocument);
}

export function owner(name: string, namespace = "shop", kind = "Route"): string {
  return `kubernetes/${namespace}/${kind}/${name}`;
}

export function wish(by: string, wanted: MeshDocument, createdAt = OLD): WantedDocument {
  return { owner: by, createdAt, document: wanted };
}

/** As it lies in the policy; `by` undefined: applied with `malla`. */
export function stored(there: MeshDocument, by?: string): StoredDocument {
  const owned = withOwner(there, by);
  return { document: owned, bytes: canonicalBytes(owned), hash: contentHash(owned) };
}

export function resource(kind: string, name: string, spec: object, namespace = "shop"): KubernetesObject {
  return { apiVersion: "malla.dev/v1", kind, metadata: { name, namespace }, spec };
}
