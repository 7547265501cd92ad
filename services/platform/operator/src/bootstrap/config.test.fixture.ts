// What the chart would say, for tests.
import type { BootstrapConfig } from "./bootstrap-config.ts";

export const CONFIG: BootstrapConfig = {
  release: "malla",
  namespace: "mesh",
  applications: ["SHOP"],
  nats: {
    replicas: 3,
    headlessService: "malla-nats-headless",
    clusterDomain: "cluster.local",
    tls: true,
    maxFileStoreBytes: 10_737_418_240,
    maxMemoryStoreBytes: 268_435_456,
    gateways: [],
    leafnodes: false,
  },
};
