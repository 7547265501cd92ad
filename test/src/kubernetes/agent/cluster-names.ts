// Which addresses a name in the cluster has: Services, and pods of headless Services by their host names.
import type { EndpointSlice, Service } from "./objects.ts";

export const CLUSTER_DOMAIN = "cluster.local";

export interface ClusterObjects {
  readonly service: (namespace: string, name: string) => Service | undefined;
  readonly endpointSlices: () => Iterable<EndpointSlice>;
}

/**
 * Addresses of a full name such as `web.shop.svc.cluster.local`; undefined: there is none of that name. A Service that is not
 * headless has the addresses of its pods as well, since nothing here carries its own one to them: that is the same for
 * whoever connects, as long as its port is its pods' port.
 */
export function findAddresses(name: string, objects: ClusterObjects): readonly string[] | undefined {
  const suffix = `.svc.${CLUSTER_DOMAIN}`;
  if (!name.endsWith(suffix)) return undefined;
  const labels = name.slice(0, -suffix.length).split(".");
  if (labels.length < 2 || labels.length > 3) return undefined;
  const [service, namespace] = labels.slice(-2) as [string, string];
  const hostname = labels.length === 3 ? labels[0] : undefined;
  if (objects.service(namespace, service) === undefined) return undefined;
  const addresses = new Set<string>();
  for (const slice of objects.endpointSlices()) {
    if (slice.metadata.namespace !== namespace || slice.addressType !== "IPv4") continue;
    if (slice.metadata.labels?.["kubernetes.io/service-name"] !== service) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      if (hostname !== undefined && endpoint.hostname !== hostname) continue;
      for (const address of endpoint.addresses) addresses.add(address);
    }
  }
  return hostname !== undefined && addresses.size === 0 ? undefined : [...addresses];
}

/** resolv.conf of a pod, as the kubelet writes it. */
export function resolverConfig(namespace: string, nameserver: string): string {
  const search = [`${namespace}.svc.${CLUSTER_DOMAIN}`, `svc.${CLUSTER_DOMAIN}`, CLUSTER_DOMAIN];
  return `nameserver ${nameserver}\nsearch ${search.join(" ")}\noptions ndots:5\n`;
}
