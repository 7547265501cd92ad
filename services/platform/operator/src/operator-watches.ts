// Everything the operator watches, by what it is watched for.
import type { KubernetesApi, ResourceKind } from "./kubernetes/api.ts";
import {
  GRPC_ROUTE,
  HTTP_ROUTE,
  MESH_SERVICE,
  NAMESPACE,
  POLICY_KINDS,
  REFERENCE_GRANT,
  SERVICE,
  WORKLOAD_KINDS,
} from "./kubernetes/resource-kinds.ts";
import { WatchKind } from "./kubernetes/watch-kind.ts";

export interface OperatorWatchesOptions {
  readonly api: KubernetesApi;
  /** Undefined: all of them. */
  readonly namespaces: readonly string[] | undefined;
  /** What documents are made of has changed. */
  readonly onPolicy: () => void;
  /** Who asks for which service has changed. */
  readonly onClaim: () => void;
  readonly onError: (error: unknown) => void;
}

export class OperatorWatches {
  readonly policies: readonly WatchKind[];
  readonly meshServices: readonly WatchKind[];
  /** Workloads and MeshServices. */
  readonly claims: readonly WatchKind[];
  /** HTTPRoutes and GRPCRoutes; the cluster may not have them. */
  readonly routes: readonly WatchKind[];
  readonly grants: readonly WatchKind[];
  readonly services: readonly WatchKind[];
  /** Undefined where namespaces are listed: then it need not see those of the whole cluster. */
  readonly namespaces: WatchKind | undefined;
  readonly #options: OperatorWatchesOptions;
  readonly #all: WatchKind[] = [];

  constructor(options: OperatorWatchesOptions) {
    const { namespaces, onPolicy, onClaim } = options;
    this.#options = options;
    this.policies = this.#watch(POLICY_KINDS, onPolicy);
    this.meshServices = this.#watch([MESH_SERVICE], onClaim);
    this.claims = [...this.#watch(WORKLOAD_KINDS, onClaim), ...this.meshServices];
    this.routes = this.#watch([HTTP_ROUTE, GRPC_ROUTE], onPolicy, true);
    this.grants = this.#watch([REFERENCE_GRANT], onPolicy, true);
    this.services = this.#watch([SERVICE], onPolicy);
    this.namespaces = namespaces === undefined ? this.#watch([NAMESPACE], onClaim)[0] : undefined;
  }

  start(): void {
    for (const watch of this.#all) watch.start();
  }

  stop(): void {
    for (const watch of this.#all) watch.stop();
  }

  /** A watch for each kind and namespace. */
  #watch(kinds: readonly ResourceKind[], onChange: () => void, optional = false): readonly WatchKind[] {
    const { api, namespaces = [undefined], onError } = this.#options;
    const watches = kinds.flatMap((kind) =>
      namespaces.map((namespace) => new WatchKind({ api, kind, namespace, optional, onChange, onError })),
    );
    this.#all.push(...watches);
    return watches;
  }
}
