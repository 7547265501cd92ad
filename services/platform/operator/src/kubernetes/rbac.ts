// What the operator may do in Kubernetes, as rules of RBAC: no more than its code asks for. The chart's roles are held to this.
import { ledgerName } from "../identity/ledger.ts";
import { leaseName, PREFIX } from "../names.ts";

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
  { apiGroups: [""], resources: ["services"], verbs: READ },
  { apiGroups: ["apps"], resources: ["deployments", "statefulsets", "daemonsets"], verbs: READ },
  { apiGroups: ["batch"], resources: ["jobs", "cronjobs"], verbs: READ },
  // Names cannot be listed beforehand, since they are those of services; nobody needs to list or watch Secrets for it.
  { apiGroups: [""], resources: ["secrets"], verbs: ["get", "create", "update", "delete"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create"] },
];

/** For the whole cluster, unless the namespaces it watches are listed: labels say which of them are part of the mesh. */
export const CLUSTER_RULES: readonly PolicyRule[] = [{ apiGroups: [""], resources: ["namespaces"], verbs: READ }];

/** In its own namespace: the Lease, and the ledger of who has which name. Creation knows no names. */
export function ownRules(release: string): readonly PolicyRule[] {
  const [leases, maps] = [["coordination.k8s.io"], [""]];
  return [
    { apiGroups: leases, resources: ["leases"], verbs: ["create"] },
    { apiGroups: leases, resources: ["leases"], resourceNames: [leaseName(release)], verbs: ["get", "update"] },
    { apiGroups: maps, resources: ["configmaps"], verbs: ["create"] },
    { apiGroups: maps, resources: ["configmaps"], resourceNames: [ledgerName(release)], verbs: ["get", "update"] },
  ];
}
