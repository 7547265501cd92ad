// The parents of a route that the mesh answers for: its services. Gateways and other things are for other controllers.
import { fieldsOf, textOf } from "./refusals.ts";
import { isMeshKind, isUnresolved, type ResolvedService, referenceOf, resolveService } from "./resolve-service.ts";
import { GATEWAY_GROUP, type GatewayObjects, type GatewayRouteObject, mapsOf } from "./route-objects.ts";

export interface Refused {
  readonly reason: "NoMatchingParent" | "NotAllowedByListeners";
  readonly message: string;
}

/** A route at one of its parents: the service, or why that one cannot take it. */
export type Attachment = {
  readonly route: GatewayRouteObject;
  readonly parentRef: unknown;
} & (
  | { readonly parent: ResolvedService; readonly refused: undefined }
  | { readonly parent: undefined; readonly refused: Refused }
);

const PARENT_DEFAULTS = { group: GATEWAY_GROUP, kind: "Gateway" } as const;

/** In the order in which the route names them. */
export function attachmentsOf(route: GatewayRouteObject, objects: GatewayObjects): readonly Attachment[] {
  if (!objects.names.isOpen(route.metadata.namespace)) return [];
  return mapsOf(fieldsOf(route.spec).parentRefs)
    .filter((parentRef) => isMeshKind(referenceOf(parentRef, route.metadata.namespace, PARENT_DEFAULTS)))
    .map((parentRef): Attachment => {
      const parent = parentOf(route, parentRef, objects);
      return "reason" in parent
        ? { route, parentRef, parent: undefined, refused: parent }
        : { route, parentRef, parent, refused: undefined };
    });
}

function parentOf(
  { metadata: { namespace } }: GatewayRouteObject,
  parentRef: ReturnType<typeof mapsOf>[number],
  objects: GatewayObjects,
): ResolvedService | Refused {
  const reference = referenceOf(parentRef, namespace, PARENT_DEFAULTS);
  if (reference.namespace !== namespace)
    return refused(
      "NotAllowedByListeners",
      `${reference.kind} ${reference.namespace}/${reference.name} is in another namespace: the mesh has no consumer routes`,
    );
  const parent = resolveService(reference, objects);
  if (isUnresolved(parent)) return refused("NoMatchingParent", parent.message);
  if (parent.version !== undefined || parent.tags !== undefined)
    return refused(
      "NoMatchingParent",
      `${parent.label} stands for a part of service ${parent.service}; calls are made to the whole: name that as parent`,
    );
  const denied = objects.names.refusal(namespace, parent.service);
  if (denied !== undefined) return refused("NotAllowedByListeners", denied);
  return portProblem(parentRef, parent) ?? parent;
}

/** A service of the mesh is one, so a parent may name a port only where the Service has no other. */
function portProblem(parentRef: ReturnType<typeof mapsOf>[number], parent: ResolvedService): Refused | undefined {
  const { port } = parentRef;
  const section = textOf(parentRef.sectionName);
  if ((port === undefined || port === null) && section === undefined) return undefined;
  const [only, ...others] = parent.ports;
  const fits =
    only !== undefined &&
    others.length === 0 &&
    (port === undefined || port === null || port === only.port) &&
    (section === undefined || section === only.name);
  if (fits) return undefined;
  return refused(
    "NoMatchingParent",
    `${parent.label}: calls of the mesh have no port; leave port and sectionName out, or name the only port there is`,
  );
}

function refused(reason: Refused["reason"], message: string): Refused {
  return { reason, message };
}
