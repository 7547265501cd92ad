// What HTTPRoute and GRPCRoute have in common in a rule: header matches, filters, backends.
import type { Destination, RouteMatch } from "@malla/sdk/contract";
import { brief, type Refusals } from "./refusals.ts";
import {
  isGranted,
  isUnresolved,
  type ResolvedService,
  referenceOf,
  resolveService,
  type Unresolved,
} from "./resolve-service.ts";
import type { GatewayObjects, GatewayRouteObject } from "./route-objects.ts";

/** In this range is no version: what the standard wants refused goes there, and ends as `no-instance` (UNAVAILABLE). */
export const NO_VERSION = "<0.0.0-0";
const MAX_WEIGHT = 1_000_000;

/** One rule in the words of the mesh: a match for each Route, and what they all do. */
export interface TranslatedRule {
  readonly index: number;
  /** What of it the mesh cannot do. With any the whole rule is dropped. */
  readonly refused: readonly string[];
  readonly matches: readonly RouteMatch[];
  readonly does: RuleActions;
  /** References of the rule that lead nowhere. */
  readonly unresolved: readonly Unresolved[];
}

/** The part of a Route's spec that is not its match. */
export interface RuleActions {
  readonly destinations: readonly Destination[];
  readonly rewrite?: { readonly method: string };
  readonly timeoutMs?: number;
  readonly perTryTimeoutMs?: number;
  /** As written: what is left out gets the defaults of the mesh. */
  readonly retries?: object;
}

/** What a rule is translated for. */
export interface RuleContext {
  readonly route: GatewayRouteObject;
  readonly parent: ResolvedService;
  readonly objects: GatewayObjects;
}

const HEADER_FIELDS = new Set(["type", "name", "value"]);

/** Of entries with one name the first counts, in any case, as the standard has it. */
export function headersOf(value: unknown, at: string, refusals: Refusals): Pick<RouteMatch, "headers"> {
  const headers = new Map<string, { exact: string } | { regex: string }>();
  for (const [index, item] of refusals.list(value, at).entries()) {
    const path = `${at}[${index}]`;
    const fields = refusals.map(item, path, HEADER_FIELDS);
    const name = refusals.text(fields.name, `${path}.name`)?.toLowerCase();
    const text = refusals.text(fields.value, `${path}.value`);
    const type = refusals.text(fields.type, `${path}.type`) ?? "Exact";
    if (name === undefined || text === undefined) refusals.refuse(path, "needs a name and a value");
    else if (type !== "Exact" && type !== "RegularExpression")
      refusals.refuse(`${path}.type`, `${brief(type)} is not supported; Exact and RegularExpression are`);
    else if (!headers.has(name)) headers.set(name, type === "Exact" ? { exact: text } : { regex: text });
  }
  return headers.size === 0 ? {} : { headers: Object.fromEntries(headers) };
}

/** Why each filter cannot be had; the rest of the sentence after its name. */
export const NO_FILTER: Readonly<Record<string, string>> = {
  RequestHeaderModifier: "calls keep the headers their caller gave them",
  ResponseHeaderModifier: "replies keep the headers their instance gave them",
  RequestMirror: "Routes of the mesh send a call to one destination",
  RequestRedirect: "a call of the mesh is sent on, not back to its caller",
  URLRewrite: "only HTTPRoute rules can have it",
  CORS: "a call of the mesh comes from no browser",
  ExternalAuth: "access is decided by AccessPolicy",
  ExtensionRef: "the mesh has no filters of its own",
};

export function refuseFilter(type: unknown, at: string, refusals: Refusals): void {
  const why = typeof type === "string" && Object.hasOwn(NO_FILTER, type) ? NO_FILTER[type] : "it is not known";
  refusals.refuse(at, `filter ${brief(type)} is not supported: ${why}`);
}

const BACKEND_FIELDS = new Set(["group", "kind", "name", "namespace", "port", "weight", "filters"]);
const BACKEND_DEFAULTS = { group: "", kind: "Service" } as const;

/**
 * The destinations of a rule. Without backends: the parent's own instances. A backend that cannot be reached keeps its
 * share, which is refused; all shares 0 refuse every call.
 */
export function destinationsOf(
  value: unknown,
  at: string,
  context: RuleContext,
  refusals: Refusals,
): { readonly destinations: readonly Destination[]; readonly unresolved: readonly Unresolved[] } {
  const unresolved: Unresolved[] = [];
  const destinations: Destination[] = [];
  const backends = refusals.list(value, at);
  if (backends.length === 0) return { destinations: [{ weight: 1 }], unresolved };
  for (const [index, item] of backends.entries()) {
    const path = `${at}[${index}]`;
    const fields = refusals.map(item, path, BACKEND_FIELDS);
    const weight = refusals.count(fields.weight, `${path}.weight`, 0, MAX_WEIGHT) ?? 1;
    for (const [place, filter] of refusals.list(fields.filters, `${path}.filters`).entries())
      refuseFilter((filter as { type?: unknown } | null)?.type, `${path}.filters[${place}]`, refusals);
    const backend = backendOf(referenceOf(fields, context.route.metadata.namespace, BACKEND_DEFAULTS), context);
    if (isUnresolved(backend)) unresolved.push({ ...backend, message: `${path}: ${backend.message}` });
    destinations.push(
      isUnresolved(backend) ? { version: NO_VERSION, weight } : destinationOf(backend, weight, context),
    );
  }
  const summed = sum(destinations);
  const hasShare = summed.some(({ weight }) => weight > 0);
  return { destinations: hasShare ? summed : [{ version: NO_VERSION, weight: 1 }], unresolved };
}

function backendOf(
  reference: ReturnType<typeof referenceOf>,
  { route, objects }: RuleContext,
): ResolvedService | Unresolved {
  const backend = resolveService(reference, objects);
  // What may not be referred to is not told whether it exists.
  if (!isGranted(route, reference, objects)) {
    if (isUnresolved(backend) && backend.reason === "InvalidKind") return backend;
    const { kind, namespace, name } = reference;
    return {
      reason: "RefNotPermitted",
      message: `${kind} ${namespace}/${name} is in another namespace, and no ReferenceGrant there allows it`,
    };
  }
  if (isUnresolved(backend)) return backend;
  const owner = objects.names.ownerOf(backend.service);
  if (owner === undefined || owner === backend.namespace) return backend;
  return {
    reason: "RefNotPermitted",
    message: `${backend.label}: service ${backend.service} of the mesh belongs to namespace ${owner}; refer to it there`,
  };
}

function destinationOf(backend: ResolvedService, weight: number, { parent }: RuleContext): Destination {
  const { service, version, tags } = backend;
  return {
    ...(service === parent.service ? {} : { service }),
    ...(version === undefined ? {} : { version }),
    ...(tags === undefined ? {} : { tags }),
    weight,
  };
}

/** The same instances named twice are named once, with both shares, as far as one share can hold them. */
function sum(destinations: readonly Destination[]): readonly Destination[] {
  const summed = new Map<string, Destination>();
  for (const destination of destinations) {
    const { weight, ...where } = destination;
    const key = JSON.stringify(where);
    const before = summed.get(key);
    if (before === undefined) summed.set(key, destination);
    else if (before.weight + weight <= MAX_WEIGHT) summed.set(key, { ...before, weight: before.weight + weight });
    else summed.set(`${key} ${summed.size}`, destination);
  }
  return [...summed.values()];
}
