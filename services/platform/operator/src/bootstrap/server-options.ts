// What the servers in the StatefulSet have in common. What differs is the pod's name, which a server reads from its environment,
// and whom it dials.
import type { ServerFilesOptions, TlsFiles } from "@malla/broker-config";
import type { BootstrapConfig } from "./bootstrap-config.ts";

/** Ports and paths of a pod; the chart's StatefulSet and Services have the same. */
export const CLIENT_PORT = 4222;
export const CLUSTER_PORT = 6222;
export const GATEWAY_PORT = 7222;
export const LEAF_PORT = 7422;
export const MONITORING_PORT = 8222;
const ALL_ADDRESSES = "0.0.0.0";
const STORE_FOLDER = "/data";
const PID_FILE = "/run/nats/nats.pid";
const TLS: TlsFiles = {
  certFile: "/etc/nats-tls/tls.crt",
  keyFile: "/etc/nats-tls/tls.key",
  caFile: "/etc/nats-tls/ca.crt",
};

/** Of the StatefulSet's pods, in their order. */
export function podNames(release: string, replicas: number): readonly string[] {
  return Array.from({ length: replicas }, (_, i) => `${release}-nats-${i}`);
}

export function serverOptions({
  release,
  namespace,
  nats,
}: BootstrapConfig): Omit<ServerFilesOptions, "earlierAccounts"> {
  const { replicas, headlessService, clusterDomain, gateways, leafnodes } = nats;
  const tls = nats.tls ? { tls: TLS } : {};
  const routes = podNames(release, replicas).map(
    (pod) => `${pod}.${headlessService}.${namespace}.svc.${clusterDomain}:${CLUSTER_PORT}`,
  );
  // Where there are other regions, an edge must be a server of our own: a hostile one could speak for anybody there.
  const leafTls = gateways.length === 0 ? TLS : { ...TLS, verify: true };
  return {
    serverName: { environment: "POD_NAME" },
    host: ALL_ADDRESSES,
    port: CLIENT_PORT,
    httpPort: MONITORING_PORT,
    pidFile: PID_FILE,
    storeDir: STORE_FOLDER,
    maxFileStoreBytes: nats.maxFileStoreBytes,
    maxMemoryStoreBytes: nats.maxMemoryStoreBytes,
    ...tls,
    ...(replicas === 1
      ? {}
      : {
          cluster: {
            name: release,
            port: CLUSTER_PORT,
            routes,
            ...tls,
          },
        }),
    ...(gateways.length === 0 ? {} : { gateway: { name: release, port: GATEWAY_PORT, remotes: gateways, ...tls } }),
    ...(leafnodes ? { leafNodes: { port: LEAF_PORT, ...(nats.tls ? { tls: leafTls } : {}) } } : {}),
  };
}
