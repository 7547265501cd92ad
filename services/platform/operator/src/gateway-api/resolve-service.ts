// From a reference in a route to a service of the mesh, or to a part of one.
import { isIssuableName } from "@malla/sdk/contract";
import { validateDocument } from "@malla/sdk/resources";
import { GRPC_SERVICE_ANNOTATION, PREFIX, SERVICE_ANNOTATION, TAGS_ANNOTATION, VERSION_ANNOTATION } from "../names.ts";
import { brief, type Fields, fieldsOf, textOf } from "./refusals.ts";
import {
  GATEWAY_GROUP,
  type GatewayObjects,
  type GatewayRouteObject,
  mapsOf,
  type ServiceObject,
} from "./route-objects.ts";

export type UnresolvedReason = "InvalidKind" | "BackendNotFound" | "RefNotPermitted";

/** A reference that leads nowhere, in the standard's words. */
export interface Unresolved {
  readonly reason: UnresolvedReason;
  readonly message: string;
}

export interface ResolvedService {
  /** Its name in the mesh. */
  readonly service: string;
  readonly namespace: string;
  /** `Service shop/catalog-v2`. */
  readonly label: string;
  /** The instances it stands for; both absent: all of the service. */
  readonly version?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Full name of its gRPC service, where it is said. */
  readonly grpcService?: string;
  /** Ports of the Service of Kubernetes, if there is one; calls of the mesh have none. */
  readonly ports: readonly { readonly name?: string | undefined; readonly port: number }[];
}

export interface ServiceReference {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Reads a reference, filling in the defaults of the standard, which differ between parents and backends. */
export function referenceOf(
  fields: Fields,
  namespace: string,
  defaults: Pick<ServiceReference, "group" | "kind">,
): ServiceReference {
  return {
    group: typeof fields.group === "string" ? fields.group : defaults.group,
    kind: textOf(fields.kind) ?? defaults.kind,
    namespace: textOf(fields.namespace) ?? namespace,
    name: textOf(fields.name) ?? "",
  };
}

/** Whether the mesh answers for references of this kind: Service, and its own MeshService. */
export function isMeshKind({ group, kind }: ServiceReference): boolean {
  return (group === "" && kind === "Service") || (group === PREFIX && kind === "MeshService");
}

/** The service a reference means. Whether anybody may refer to it is not asked here. */
export function resolveService(reference: ServiceReference, objects: GatewayObjects): ResolvedService | Unresolved {
  const { kind, namespace, name } = reference;
  const label = `${kind} ${namespace}/${name}`;
  if (!isMeshKind(reference)) {
    return unresolved(
      "InvalidKind",
      `${label} of group ${brief(reference.group)}: only Service and MeshService are known`,
    );
  }
  if (kind === "MeshService") {
    const found = objects.meshServices.find(({ metadata }) => isNamed(metadata, reference));
    if (found === undefined) return unresolved("BackendNotFound", `there is no ${label}`);
    const named = { ...found.metadata.annotations, [SERVICE_ANNOTATION]: found.spec?.service ?? name };
    return resolved(label, { metadata: { ...found.metadata, annotations: named } });
  }
  const found = objects.services.find(({ metadata }) => isNamed(metadata, reference));
  if (found !== undefined) return resolved(label, found);
  // A service of the mesh opens no port, so a Service object is not needed where a workload or MeshService names it.
  if (objects.names.ownerOf(name) === namespace) return { service: name, namespace, label, ports: [] };
  return unresolved("BackendNotFound", `there is no ${label}, and no workload of that namespace serves ${name}`);
}

function resolved(label: string, { metadata, spec }: ServiceObject): ResolvedService | Unresolved {
  const annotations = fieldsOf(metadata.annotations);
  const service = textOf(annotations[SERVICE_ANNOTATION]) ?? metadata.name;
  if (!isIssuableName(service, "service")) {
    return unresolved("BackendNotFound", `${label}: no service of the mesh can be called ${brief(service)}`);
  }
  if (spec?.type === "ExternalName") {
    return unresolved("BackendNotFound", `${label} is of type ExternalName, which the mesh does not follow`);
  }
  const version = textOf(annotations[VERSION_ANNOTATION]);
  const tags = tagsOf(textOf(annotations[TAGS_ANNOTATION]));
  const grpcService = textOf(annotations[GRPC_SERVICE_ANNOTATION]);
  const problem = selectionProblem(version, tags);
  if (problem !== undefined) return unresolved("BackendNotFound", `${label}: ${problem}`);
  return {
    service,
    namespace: metadata.namespace,
    label,
    ports: Array.isArray(spec?.ports) ? spec.ports : [],
    ...(version === undefined ? {} : { version }),
    ...(tags === undefined ? {} : { tags }),
    ...(grpcService === undefined ? {} : { grpcService }),
  };
}

/** `zone=a, tier=gold`. */
function tagsOf(text: string | undefined): Readonly<Record<string, string>> | undefined {
  if (text === undefined) return undefined;
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [pair.trim(), ""] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    }),
  );
}

/** The schema of a Route knows what a version range and a tag are. */
function selectionProblem(
  version: string | undefined,
  tags: Readonly<Record<string, string>> | undefined,
): string | undefined {
  if (version === undefined && tags === undefined) return undefined;
  const { problems } = validateDocument({
    apiVersion: "malla.dev/v1",
    kind: "Route",
    metadata: { name: "probe" },
    spec: {
      match: { service: "probe" },
      destinations: [{ ...(version === undefined ? {} : { version }), ...(tags === undefined ? {} : { tags }) }],
    },
  });
  const first = problems[0];
  if (first === undefined) return undefined;
  const annotation = first.path.includes("version") ? VERSION_ANNOTATION : TAGS_ANNOTATION;
  return `annotation ${annotation} ${first.message}`;
}

function isNamed(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  wanted: ServiceReference,
): boolean {
  return namespace === wanted.namespace && name === wanted.name;
}

/** Whether a ReferenceGrant beside the target allows routes of this kind and namespace to refer to it. */
export function isGranted(
  { kind, metadata }: GatewayRouteObject,
  target: ServiceReference,
  { grants }: GatewayObjects,
): boolean {
  if (metadata.namespace === target.namespace) return true;
  return grants.some((grant) => {
    if (grant.metadata.namespace !== target.namespace) return false;
    const { from, to } = fieldsOf(grant.spec);
    return (
      mapsOf(from).some(
        (entry) => entry.group === GATEWAY_GROUP && entry.kind === kind && entry.namespace === metadata.namespace,
      ) &&
      mapsOf(to).some(
        (entry) =>
          entry.group === target.group &&
          entry.kind === target.kind &&
          (textOf(entry.name) === undefined || entry.name === target.name),
      )
    );
  });
}

export function isUnresolved(value: ResolvedService | Unresolved): value is Unresolved {
  return "reason" in value;
}

function unresolved(reason: UnresolvedReason, message: string): Unresolved {
  return { reason, message };
}
