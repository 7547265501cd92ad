// Stand-ins for definitions of other projects, so that an API server takes what the chart makes for them: their names and
// nothing else, since what is in them is theirs to check.

const FOREIGN = [
  ["cert-manager.io", "v1", "Certificate", "certificates"],
  ["cert-manager.io", "v1", "Issuer", "issuers"],
  ["monitoring.coreos.com", "v1", "PodMonitor", "podmonitors"],
  ["monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"],
  ["gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"],
  ["gateway.networking.k8s.io", "v1", "GRPCRoute", "grpcroutes"],
] as const;

/** A list for `kubectl apply`. */
export function foreignCrds(): object {
  const items = FOREIGN.map(([group, version, kind, plural]) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${group}`,
      annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs" },
    },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  }));
  return { apiVersion: "v1", kind: "List", items };
}
