// For every value of the chart: another value, and what must be set beside it for it to matter. A test sees that the rendered
// chart differs.

export interface Use {
  readonly other: unknown;
  /** Set before and after. */
  readonly beside?: object;
  /** Set with it, where it cannot be alone. */
  readonly along?: object;
}

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;
const CERT_MANAGER = { tls: { enabled: true, certManager: { enabled: true } } };
const AUTOSCALED = { router: { autoscaling: { enabled: true } } };
const EXPORTER = { nats: { exporter: { enabled: true } } };
const CLOSED = { networkPolicy: { enabled: true } };
const MONITORED = { monitoring: { kind: "PodMonitor" } };
const SHOP = { shop: { enabled: true } };
const OUTSIDE = { nats: { leafnodes: true } };
const RESOURCES = { requests: { cpu: "3", memory: "3Gi" }, limits: { cpu: "3", memory: "3Gi" } };
const ENV = [{ name: "NODE_OPTIONS", value: "--max-old-space-size=100" }];
const PEERS = [{ ipBlock: { cidr: "203.0.113.0/24" } }];

export const USED_VALUES: Readonly<Record<string, Use>> = {
  "image.repository": { other: "registry.example/malla" },
  "image.tag": { other: "9.9.9" },
  "image.digest": { other: DIGEST },
  "image.pullPolicy": { other: "Always" },
  imagePullSecrets: { other: [{ name: "registry" }] },
  clusterDomain: { other: "cluster.example" },
  extraLabels: { other: { team: "mesh" } },
  extraAnnotations: { other: { "example.com/owner": "mesh" } },
  "podSecurityContext.runAsUser": { other: 1000 },
  "podSecurityContext.runAsGroup": { other: 1000 },
  "podSecurityContext.fsGroup": { other: 1000 },
  applications: { other: ["BILLING"] },

  "nats.enabled": { other: false, along: { nats: { urls: ["nats://nats.example:4222"] } } },
  "nats.urls": {
    other: ["nats://two.example:4222"],
    beside: { nats: { enabled: false, urls: ["nats://one.example:4222"] } },
  },
  "nats.image.repository": { other: "registry.example/nats" },
  "nats.image.tag": { other: "2.15.3" },
  "nats.image.digest": { other: DIGEST },
  "nats.image.pullPolicy": { other: "Always" },
  "nats.replicas": { other: 5 },
  "nats.resources": { other: RESOURCES },
  "nats.goMemLimit": { other: "1GiB" },
  "nats.jetstream.fileStore": { other: "5Gi" },
  "nats.jetstream.memoryStore": { other: "1Gi" },
  "nats.persistence.enabled": { other: false },
  "nats.persistence.size": { other: "40Gi" },
  "nats.persistence.storageClass": { other: "fast" },
  "nats.terminationGracePeriodSeconds": { other: 90 },
  "nats.gateways": { other: [{ name: "eu", addresses: ["nats.eu.example:7222"] }] },
  "nats.leafnodes": { other: true },
  "nats.externalService.type": { other: "NodePort", beside: OUTSIDE },
  "nats.externalService.annotations": { other: { "example.com/internal": "true" }, beside: OUTSIDE },
  "nats.externalService.externalTrafficPolicy": { other: "Local", beside: OUTSIDE },
  "nats.reloader.enabled": { other: false },
  "nats.reloader.image": { other: "registry.example/reloader:1" },
  "nats.reloader.resources": { other: RESOURCES },
  "nats.exporter.enabled": { other: true },
  "nats.exporter.image": { other: "registry.example/exporter:1", beside: EXPORTER },
  "nats.exporter.resources": { other: RESOURCES, beside: EXPORTER },
  "nats.podDisruptionBudget.enabled": { other: false },
  "nats.podDisruptionBudget.maxUnavailable": { other: 2 },
  "nats.topologySpread.hosts": { other: "ScheduleAnyway" },
  "nats.topologySpread.zones": { other: "" },
  ...scheduling("nats"),

  "router.replicas": { other: 4 },
  "router.workers": { other: "auto" },
  "router.resources": { other: RESOURCES },
  "router.logLevel": { other: "debug" },
  "router.tracing.endpoint": { other: "http://collector.example:4318" },
  "router.tracing.ratio": {
    other: 0.5,
    beside: { router: { tracing: { endpoint: "http://collector.example:4318" } } },
  },
  "router.extraEnv": { other: ENV },
  "router.terminationGracePeriodSeconds": { other: 60 },
  "router.autoscaling.enabled": { other: true },
  "router.autoscaling.minReplicas": { other: 3, beside: AUTOSCALED },
  "router.autoscaling.maxReplicas": { other: 30, beside: AUTOSCALED },
  "router.autoscaling.targetCPUUtilizationPercentage": { other: 50, beside: AUTOSCALED },
  "router.autoscaling.scaleDownStabilizationSeconds": { other: 60, beside: AUTOSCALED },
  "router.podDisruptionBudget.enabled": { other: false },
  "router.podDisruptionBudget.maxUnavailable": { other: "25%" },
  "router.topologySpread.hosts": { other: "DoNotSchedule" },
  "router.topologySpread.zones": { other: "" },
  ...scheduling("router"),

  "operator.enabled": { other: false },
  "operator.replicas": { other: 2 },
  "operator.watchNamespaces": { other: ["team-a"] },
  "operator.namespaceSelector": { other: "" },
  "operator.logLevel": { other: "debug" },
  "operator.extraEnv": { other: ENV },
  "operator.resources": { other: RESOURCES },
  "operator.podDisruptionBudget.enabled": { other: false },
  "operator.podDisruptionBudget.maxUnavailable": { other: 2 },
  "operator.topologySpread.hosts": { other: "DoNotSchedule" },
  "operator.topologySpread.zones": { other: "" },
  ...scheduling("operator"),

  "bootstrap.backoffLimit": { other: 3 },
  "bootstrap.ttlSecondsAfterFinished": { other: 60 },
  "bootstrap.resources": { other: RESOURCES },
  ...scheduling("bootstrap"),

  "tls.enabled": { other: true, beside: { tls: { secret: "given" } } },
  "tls.secret": { other: "another", beside: { tls: { enabled: true, secret: "given" } } },
  "tls.certManager.enabled": {
    other: true,
    beside: { tls: { enabled: true, secret: "given" } },
    along: { tls: { secret: "" } },
  },
  "tls.certManager.issuerRef": { other: { name: "corporate", kind: "ClusterIssuer" }, beside: CERT_MANAGER },
  "tls.certManager.duration": { other: "720h", beside: CERT_MANAGER },
  "tls.certManager.renewBefore": { other: "240h", beside: CERT_MANAGER },
  "tls.certManager.extraDnsNames": { other: ["nats.example"], beside: CERT_MANAGER },

  "rbac.aggregate": { other: true },

  "networkPolicy.enabled": { other: true },
  "networkPolicy.clients": { other: PEERS, beside: CLOSED },
  "networkPolicy.monitoring": { other: PEERS, beside: CLOSED },
  "networkPolicy.remotes": { other: PEERS, beside: CLOSED },
  "networkPolicy.apiServer": { other: PEERS, beside: CLOSED },
  "networkPolicy.apiServerPorts": { other: [8443], beside: CLOSED },
  "networkPolicy.dnsPorts": { other: [53, 5353], beside: CLOSED },

  "monitoring.kind": { other: "ServiceMonitor" },
  "monitoring.interval": { other: "60s", beside: MONITORED },
  "monitoring.scrapeTimeout": { other: "5s", beside: MONITORED },
  "monitoring.labels": { other: { release: "prometheus" }, beside: MONITORED },

  "shop.enabled": { other: true },
  "shop.shoppers.enabled": { other: false, beside: SHOP },
  "shop.shoppers.people": { other: 50, beside: SHOP },
  "shop.shoppers.thinkMs": { other: 5, beside: SHOP },
  "shop.resources": { other: RESOURCES, beside: SHOP },
  ...scheduling("shop", SHOP),
};

/** What every program's pods can be told. */
function scheduling(program: string, beside: object = {}): Record<string, Use> {
  const others = {
    nodeSelector: { disk: "ssd" },
    tolerations: [{ key: "dedicated", operator: "Exists" }],
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
    priorityClassName: "system-cluster-critical",
    podLabels: { team: "mesh" },
    podAnnotations: { "example.com/owner": "mesh" },
  };
  return Object.fromEntries(Object.entries(others).map(([name, other]) => [`${program}.${name}`, { other, beside }]));
}
