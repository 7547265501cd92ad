// The kinds of Kubernetes that the operator reads or writes.
import { API_VERSION } from "@malla/sdk/contract";
import { kindDefinitions } from "@malla/sdk/resources";
import type { ResourceKind } from "./api.ts";
import { workloadPart } from "./workload-part.ts";

/** Kinds of the mesh's policy: Route, ServicePolicy, … */
export const POLICY_KINDS: readonly ResourceKind[] = kindDefinitions.map(({ kind, plural }) => ({
  apiVersion: API_VERSION,
  kind,
  plural,
}));

export const MESH_SERVICE: ResourceKind = { apiVersion: API_VERSION, kind: "MeshService", plural: "meshservices" };

export const HTTP_ROUTE = kindOf("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes");
export const GRPC_ROUTE = kindOf("gateway.networking.k8s.io/v1", "GRPCRoute", "grpcroutes");

/** Kinds that carry the annotations of a service. */
export const WORKLOAD_KINDS: readonly ResourceKind[] = [
  kindOf("apps/v1", "Deployment", "deployments"),
  kindOf("apps/v1", "StatefulSet", "statefulsets"),
  kindOf("apps/v1", "DaemonSet", "daemonsets"),
  kindOf("batch/v1", "Job", "jobs"),
  kindOf("batch/v1", "CronJob", "cronjobs"),
].map((kind) => ({ ...kind, part: workloadPart }));

export const REFERENCE_GRANT = kindOf("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "referencegrants");

/** The one kind here that lives in no namespace. */
export const NAMESPACE = kindOf("v1", "Namespace", "namespaces");
export const SERVICE = kindOf("v1", "Service", "services");
export const SECRET = kindOf("v1", "Secret", "secrets");
export const CONFIG_MAP = kindOf("v1", "ConfigMap", "configmaps");
export const EVENT = kindOf("events.k8s.io/v1", "Event", "events");
export const LEASE = kindOf("coordination.k8s.io/v1", "Lease", "leases");

function kindOf(apiVersion: string, kind: string, plural: string): ResourceKind {
  return { apiVersion, kind, plural };
}
