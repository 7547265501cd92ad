// Every name by which Kubernetes and the mesh know each other: labels, annotations, Secrets and their keys. The chart and the
// docs use the same; a test holds them to this file.

/** Prefix of all labels and annotations. */
export const PREFIX = "malla.dev";
/** Field manager of every server-side apply, and holder of the finalizer. */
export const FIELD_MANAGER = "malla-operator";
export const FINALIZER = `${PREFIX}/mesh`;
/** Value of `spec.controllerName` in the Gateway API's statuses. */
export const CONTROLLER_NAME = `${PREFIX}/operator`;

/** On a document in the mesh: who owns it, `kubernetes/<namespace>/<Kind>/<name>`. Absent: whoever uses `malla apply`. */
export { OWNER_ANNOTATION } from "@malla/sdk/resources";
/** On a resource: `true` makes it the owner of a document that belongs to whoever uses `malla apply`. */
export const TAKE_OVER_ANNOTATION = `${PREFIX}/take-over`;
/** On a workload (Deployment, StatefulSet, DaemonSet, Job, CronJob): credentials of this service are wanted in its namespace. */
export const SERVICE_ANNOTATION = `${PREFIX}/service`;
/** Beside it: `service` (default) or `direct`. */
export const ROLE_ANNOTATION = `${PREFIX}/role`;
/** Beside it, with role `direct`: services it may call past the router, separated by commas. */
export const DIRECT_TO_ANNOTATION = `${PREFIX}/direct-to`;
/** Beside it: an application account in which credentials are wanted too, such as `SHOP`. */
export const APPLICATION_ANNOTATION = `${PREFIX}/application`;

/** On a Service of Kubernetes that a route refers to: the instances it stands for, an npm range over versions: `2.x`. */
export const VERSION_ANNOTATION = `${PREFIX}/version`;
/** The same by tags: `zone=a,tier=gold`. */
export const TAGS_ANNOTATION = `${PREFIX}/tags`;
/** On a Service or MeshService: full name of its gRPC service, such as `shop.Payments`, by which a GRPCRoute may call it. */
export const GRPC_SERVICE_ANNOTATION = `${PREFIX}/grpc-service`;

/** On a workload, beside `SERVICE_ANNOTATION`: how long its credentials live, in hours, 1 to 720. */
export const LIFETIME_ANNOTATION = `${PREFIX}/lifetime-hours`;
/** Label of a namespace whose workloads may have credentials, unless the operator is given another selector. */
export const NAMESPACE_SELECTOR = `${PREFIX}/mesh=true`;
/** On a namespace: the services it may claim, separated by commas, with `*` for any characters. Nobody else may claim them. */
export const SERVICES_ANNOTATION = `${PREFIX}/services`;
/** On a namespace: the application accounts it may use, in the same way. */
export const APPLICATIONS_ANNOTATION = `${PREFIX}/applications`;

/** Lease by which one of several operators works. */
export function leaseName(release: string): string {
  return `${release}-operator`;
}

/** On a pod, `true`: it may connect to NATS where the chart's NetworkPolicies are on and its namespace is part of the mesh. */
export const CLIENT_LABEL = `${PREFIX}/mesh-client`;

/** Secret with the credentials of a service, in its namespace. */
export function credentialsSecretName(service: string): string {
  return `malla-${service}`;
}

/** Keys of that Secret. `APPLICATION_KEY` only where an application account is asked for, `CA_KEY` only with TLS. */
export const CREDENTIALS_KEY = "service.creds";
export const APPLICATION_KEY = "application.creds";
export const URL_KEY = "NATS_URL";
export const CA_KEY = "ca.crt";

/** What the bootstrap Job makes, by the name of the release. */
export const secretNames = {
  /** All seeds, a key a file of `<home>/keys`; for the Job and the operator alone. */
  keys: (release: string) => `${release}-keys`,
  /** `router.signer.json`. */
  routerSigner: (release: string) => `${release}-router-signer`,
  /** Everything a server reads at its start: `nats-server.conf` and what it includes. */
  natsConfig: (release: string) => `${release}-nats-config`,
} as const;

/** Key of the router signer's Secret. */
export const ROUTER_SIGNER_KEY = "router.signer.json";
