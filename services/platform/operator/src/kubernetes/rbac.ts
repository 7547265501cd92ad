// What the operator may do in Kubernetes, as rules of RBAC: no more than its code asks for. The chart's roles are held to this.
import { PREFIX } from "../names.ts";

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const READ = ["get", "list", "watch"] as const;
const POLICIES = ["routes", "servicepolicies", "accesspolicies"] as const;

/** In every namespace it watches. */
export const OPERATOR_RULES: readonly PolicyRule[] = [
  // Content is other people's: what is patched is finalizers.
  { apiGroups: [PREFIX], resources: POLICIES, verbs: [...READ, "patch"] },
  { apiGroups: [PREFIX], resources: ["meshservices"], verbs: READ },
  { apiGroups: [PREFIX], resources: [...POLICIES, "meshservices"].map((name) => `${name}/status`), verbs: ["update"] },
  {
    apiGroups: ["gateway.networking.k8s.io"],
    resources: ["httproutes", "grpcroutes", "referencegrants"],
    verbs: READ,
  },
  {
    apiGroups: ["gateway.networking.k8s.io"],
    resources: ["httproutes/status", "grpcroutes/status"],
    verbs: ["update"],
  },
  { apiGroups: [""], resources: ["services", "namespaces"], verbs: READ },
  { apiGroups: ["apps"], resources: ["deployments", "statefulsets", "daemonsets"], verbs: READ },
  { apiGroups: ["batch"], resources: ["jobs", "cronjobs"], verbs: READ },
  // Names cannot be listed beforehand, since they are those of services; nobody needs to list or watch Secrets for it.
  { apiGroups: [""], resources: ["secrets"], verbs: ["get", "create", "update", "delete"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create"] },
];

/** In its own namespace, for the ledger of identities. Creation knows no names. */
export function ledgerRules(name: string): readonly PolicyRule[] {
  return [
    { apiGroups: [""], resources: ["configmaps"], verbs: ["create"] },
    { apiGroups: [""], resources: ["configmaps"], resourceNames: [name], verbs: ["get", "update"] },
  ];
}

/** In its own namespace, for the Lease of this name. Creation knows no names. */
export function leaseRules(name: string): readonly PolicyRule[] {
  const apiGroups = ["coordination.k8s.io"];
  return [
    { apiGroups, resources: ["leases"], verbs: ["create"] },
    { apiGroups, resources: ["leases"], resourceNames: [name], verbs: ["get", "update"] },
  ];
}
