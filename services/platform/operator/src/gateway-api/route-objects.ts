// What the translation of Gateway API routes reads: objects as the API server holds them, and who speaks for which service.
import type { Fields } from "./refusals.ts";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";
export type RouteKind = "HTTPRoute" | "GRPCRoute";
export const ROUTE_KINDS: readonly RouteKind[] = ["HTTPRoute", "GRPCRoute"];

export interface ObjectMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly generation?: number | undefined;
  /** ISO instant. */
  readonly creationTimestamp?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** An HTTPRoute or GRPCRoute; `spec` and `status` are read with care, their form is the CRD's business. */
export interface GatewayRouteObject {
  readonly kind: RouteKind;
  readonly metadata: ObjectMetadata;
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** A Service of Kubernetes, as far as a route can mean it. */
export interface ServiceObject {
  readonly metadata: ObjectMetadata;
  readonly spec?:
    | {
        readonly type?: string | undefined;
        readonly ports?: readonly { readonly name?: string | undefined; readonly port: number }[] | undefined;
      }
    | undefined;
}

export interface MeshServiceReference {
  readonly metadata: ObjectMetadata;
  /** `service` is the name in the mesh; absent: the object's own. */
  readonly spec?: { readonly service?: string | undefined } | undefined;
}

export interface ReferenceGrantObject {
  readonly metadata: ObjectMetadata;
  readonly spec?: unknown;
}

/** Who speaks for the names of services in the mesh. */
export interface ServiceNames {
  /** Whether a namespace is part of the mesh; routes of others are not ours to judge. */
  isOpen(namespace: string): boolean;
  /** The namespace whose claim of the name holds; undefined: nobody has claimed it. */
  ownerOf(service: string): string | undefined;
  /** Why a namespace may not speak for a service, claimed or not; undefined: it may. */
  refusal(namespace: string, service: string): string | undefined;
}

/** Everything a pass looks at. All of it, from all namespaces of the mesh: a route is judged beside the others. */
export interface GatewayObjects {
  readonly routes: readonly GatewayRouteObject[];
  readonly services: readonly ServiceObject[];
  readonly meshServices: readonly MeshServiceReference[];
  readonly grants: readonly ReferenceGrantObject[];
  readonly names: ServiceNames;
}

/** The older first; of one second, by namespace and name, as the standard has it. */
export function byAge(a: { metadata: ObjectMetadata }, b: { metadata: ObjectMetadata }): number {
  return (
    compare(a.metadata.creationTimestamp ?? "9", b.metadata.creationTimestamp ?? "9") ||
    compare(`${a.metadata.namespace}/${a.metadata.name}`, `${b.metadata.namespace}/${b.metadata.name}`)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Entries of a list that are maps; what is none has no meaning in a reference. */
export function mapsOf(value: unknown): readonly Fields[] {
  return Array.isArray(value)
    ? value.filter((item): item is Fields => typeof item === "object" && item !== null && !Array.isArray(item))
    : [];
}
