// Objects of Kubernetes as tests write them.
import type {
  GatewayObjects,
  GatewayRouteObject,
  MeshServiceReference,
  ReferenceGrantObject,
  RouteKind,
  ServiceObject,
} from "./route-objects.ts";
import { type TranslatedRoute, translateRoutes } from "./translate-routes.ts";

export interface RouteOptions {
  readonly name?: string;
  readonly namespace?: string;
  readonly kind?: RouteKind;
  readonly createdAt?: string;
  readonly parentRefs?: readonly object[];
  readonly status?: unknown;
  readonly generation?: number;
}

export function parentOf(name: string): object {
  return { group: "", kind: "Service", name };
}

export function routeOf(rules: unknown, options: RouteOptions = {}): GatewayRouteObject {
  const { name = "canary", namespace = "shop", kind = "HTTPRoute", parentRefs = [parentOf("catalog")] } = options;
  const { createdAt = "2026-01-02T03:04:05Z", generation = 1, status } = options;
  const spec = { parentRefs, ...(rules === undefined ? {} : { rules }) };
  return { kind, metadata: { name, namespace, generation, creationTimestamp: createdAt }, spec, status };
}

export function serviceOf(
  name: string,
  annotations: Record<string, string> = {},
  namespace = "shop",
  spec: ServiceObject["spec"] = { ports: [{ name: "http", port: 80 }] },
): ServiceObject {
  return { metadata: { name, namespace, annotations }, spec };
}

export interface World {
  readonly services?: readonly ServiceObject[];
  readonly meshServices?: readonly MeshServiceReference[];
  readonly grants?: readonly ReferenceGrantObject[];
  /** Service of the mesh → namespace that has claimed it. */
  readonly owners?: Readonly<Record<string, string>>;
}

export const SHOP: readonly ServiceObject[] = [
  serviceOf("catalog"),
  serviceOf("catalog-v1", { "malla.dev/service": "catalog", "malla.dev/version": "1.x" }),
  serviceOf("catalog-v2", { "malla.dev/service": "catalog", "malla.dev/version": "2.x" }),
  serviceOf("search"),
];

export function worldOf(routes: readonly GatewayRouteObject[], world: World = {}): GatewayObjects {
  const { services = SHOP, meshServices = [], grants = [], owners = {} } = world;
  return {
    routes,
    services,
    meshServices,
    grants,
    names: {
      isOpen: (namespace) => namespace !== "elsewhere",
      ownerOf: (service) => owners[service],
      refusal: (namespace, service) => {
        const owner = owners[service];
        return owner === undefined || owner === namespace ? undefined : `${service} belongs to namespace ${owner}`;
      },
    },
  };
}

export function translateOne(rules: unknown, options: RouteOptions = {}, world: World = {}): TranslatedRoute {
  return translateRoutes(worldOf([routeOf(rules, options)], world))[0] as TranslatedRoute;
}

/** The specs of the documents, by the end of their names: `00-01`, `unmatched`. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is there.
export function specsOf({ documents }: TranslatedRoute): Record<string, any> {
  return Object.fromEntries(
    documents.map(({ metadata: { name }, spec }) => [/-(unmatched|\d\d-\d\d)$/.exec(name)?.[1] ?? name, spec]),
  );
}
