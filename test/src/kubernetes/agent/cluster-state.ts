// What the agent knows of the cluster: a store for each kind that pods refer to.
import type { ApiClient } from "./api-client.ts";
import { ObjectStore } from "./object-store.ts";
import type { ConfigMap, EndpointSlice, Pod, Secret, Service } from "./objects.ts";

export class ClusterState {
  readonly pods: ObjectStore<Pod>;
  readonly secrets: ObjectStore<Secret>;
  readonly configMaps: ObjectStore<ConfigMap>;
  readonly services: ObjectStore<Service>;
  readonly endpointSlices: ObjectStore<EndpointSlice>;

  constructor(client: ApiClient) {
    this.pods = new ObjectStore(client, "/api/v1/pods");
    this.secrets = new ObjectStore(client, "/api/v1/secrets");
    this.configMaps = new ObjectStore(client, "/api/v1/configmaps");
    this.services = new ObjectStore(client, "/api/v1/services");
    this.endpointSlices = new ObjectStore(client, "/apis/discovery.k8s.io/v1/endpointslices");
  }

  /** Pods last: all that they refer to is known when the first is told. */
  async start(): Promise<void> {
    for (const store of this.#stores) await store.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.stop()));
  }

  /** Values of a Secret by key. */
  secret(namespace: string, name: string): ReadonlyMap<string, Buffer> | undefined {
    const found = this.secrets.get(namespace, name);
    return (
      found && new Map(Object.entries(found.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")]))
    );
  }

  /** Values of a ConfigMap by key. */
  configMap(namespace: string, name: string): ReadonlyMap<string, Buffer> | undefined {
    const found = this.configMaps.get(namespace, name);
    if (found === undefined) return undefined;
    const texts = Object.entries(found.data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const);
    const binary = Object.entries(found.binaryData ?? {}).map(
      ([key, value]) => [key, Buffer.from(value, "base64")] as const,
    );
    return new Map([...texts, ...binary]);
  }

  servicesOf(namespace: string): readonly Service[] {
    return [...this.services.all()].filter(({ metadata }) => metadata.namespace === namespace);
  }

  get #stores() {
    return [this.secrets, this.configMaps, this.services, this.endpointSlices, this.pods] as const;
  }
}
