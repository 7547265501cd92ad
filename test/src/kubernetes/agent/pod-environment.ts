// The environment of a container, from its spec and what that refers to.
import type { Container, Pod, ResourceFieldSelector, Service } from "./objects.ts";
import { divideQuantity } from "./quantity.ts";

/** What a container cannot start without and may come later; Kubernetes' CreateContainerConfigError. */
export class ConfigMissing extends Error {}

export interface EnvironmentSources {
  readonly pod: Pod;
  readonly container: Container;
  readonly podIp: string;
  readonly hostIp: string;
  /** Values of a Secret or ConfigMap of the pod's namespace; nothing if there is none of that name. */
  readonly secret: (name: string) => ReadonlyMap<string, Buffer> | undefined;
  readonly configMap: (name: string) => ReadonlyMap<string, Buffer> | undefined;
  /** Of the node: stands in for limits that are not set. */
  readonly allocatable: Readonly<Record<string, string>>;
  /** Of the pod's namespace, for the links to them. */
  readonly services: Iterable<Service>;
  /** Where pods reach the API server. */
  readonly apiServer: { readonly host: string; readonly port: string };
}

/** Name and value of every variable. Throws ConfigMissing for a Secret, ConfigMap or key that is not there. */
export function resolveEnvironment(sources: EnvironmentSources): Record<string, string> {
  const { container, pod, apiServer } = sources;
  const links = pod.spec.enableServiceLinks === false ? {} : serviceLinks(sources.services);
  const resolved: Record<string, string> = {
    ...links,
    KUBERNETES_SERVICE_HOST: apiServer.host,
    KUBERNETES_SERVICE_PORT: apiServer.port,
    KUBERNETES_SERVICE_PORT_HTTPS: apiServer.port,
  };
  for (const { prefix = "", secretRef, configMapRef } of container.envFrom ?? []) {
    const [reference, read, kind] =
      secretRef === undefined ? [configMapRef, sources.configMap, "ConfigMap"] : [secretRef, sources.secret, "Secret"];
    if (reference === undefined) continue;
    const found = read(reference.name);
    if (found === undefined && reference.optional !== true)
      throw new ConfigMissing(`${kind} ${reference.name} not found`);
    for (const [name, value] of found ?? []) resolved[`${prefix}${name}`] = value.toString("utf8");
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const found = valueFrom === undefined ? expand(value ?? "", resolved) : referredValue(valueFrom, sources);
    if (found !== undefined) resolved[name] = found;
  }
  return resolved;
}

/** `$(NAME)` by the value of NAME, `$$(NAME)` by `$(NAME)`; what is not there stays as it is written. */
export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^()]+)\)/g, (found, name?: string) =>
    name === undefined ? "$" : (values[name] ?? found),
  );
}

/** A field of the pod, by the paths that the downward API knows. */
export function podField(
  path: string,
  { pod, podIp, hostIp }: Pick<EnvironmentSources, "pod" | "podIp" | "hostIp">,
): string {
  const { metadata, spec } = pod;
  const key = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (key !== null) return metadata[key[1] as "labels" | "annotations"]?.[key[2] as string] ?? "";
  const fields: Readonly<Record<string, string | undefined>> = {
    "metadata.name": metadata.name,
    "metadata.namespace": metadata.namespace,
    "metadata.uid": metadata.uid,
    "metadata.labels": lines(metadata.labels),
    "metadata.annotations": lines(metadata.annotations),
    "spec.nodeName": spec.nodeName,
    "spec.serviceAccountName": spec.serviceAccountName,
    "status.podIP": podIp,
    "status.podIPs": podIp,
    "status.hostIP": hostIp,
    "status.hostIPs": hostIp,
  };
  const value = fields[path];
  if (value === undefined) throw new Error(`the agent does not know the field ${path} of a pod`);
  return value;
}

/** A resource of a container; a limit that is not set is what the node has. */
export function resourceField(
  { resource, divisor, containerName }: ResourceFieldSelector,
  { pod, container, allocatable }: Pick<EnvironmentSources, "pod" | "allocatable"> & { readonly container?: Container },
): string {
  const from =
    containerName === undefined
      ? container
      : [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(({ name }) => name === containerName);
  const [kind, name = ""] = resource.split(".");
  const { limits, requests } = from?.resources ?? {};
  const quantity = kind === "requests" ? (requests?.[name] ?? "0") : (limits?.[name] ?? allocatable[name]);
  if (quantity === undefined) throw new Error(`the agent does not know the resource ${resource}`);
  return divideQuantity(quantity, divisor);
}

type ValueFrom = NonNullable<NonNullable<Container["env"]>[number]["valueFrom"]>;

function referredValue(from: ValueFrom, sources: EnvironmentSources): string | undefined {
  if (from.fieldRef !== undefined) return podField(from.fieldRef.fieldPath, sources);
  if (from.resourceFieldRef !== undefined) return resourceField(from.resourceFieldRef, sources);
  const [selector, read, kind] =
    from.secretKeyRef === undefined
      ? [from.configMapKeyRef, sources.configMap, "ConfigMap"]
      : [from.secretKeyRef, sources.secret, "Secret"];
  if (selector === undefined) throw new Error("the agent does not know that kind of valueFrom");
  const value = read(selector.name)?.get(selector.key)?.toString("utf8");
  if (value === undefined && selector.optional !== true)
    throw new ConfigMissing(`key ${selector.key} of ${kind} ${selector.name} not found`);
  return value;
}

/** What a pod is told of every Service of its namespace, unless it asks not to be. */
function serviceLinks(services: Iterable<Service>): Record<string, string> {
  const links: Record<string, string> = {};
  for (const { metadata, spec } of services) {
    const { clusterIP, ports = [] } = spec;
    const [first] = ports;
    if (clusterIP === undefined || clusterIP === "None" || clusterIP === "" || first === undefined) continue;
    const name = metadata.name.toUpperCase().replaceAll("-", "_");
    const protocol = (first.protocol ?? "TCP").toLowerCase();
    links[`${name}_SERVICE_HOST`] = clusterIP;
    links[`${name}_SERVICE_PORT`] = String(first.port);
    links[`${name}_PORT`] = `${protocol}://${clusterIP}:${first.port}`;
    for (const { name: portName, port } of ports) {
      if (portName !== undefined)
        links[`${name}_SERVICE_PORT_${portName.toUpperCase().replaceAll("-", "_")}`] = String(port);
    }
  }
  return links;
}

function lines(values: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(values ?? {})
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}
