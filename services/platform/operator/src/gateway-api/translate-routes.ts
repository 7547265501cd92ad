// All routes of the Gateway API → documents of the mesh, and for each parent of each route what became of it.
import { API_VERSION, type MeshDocument, type RouteDocument } from "@malla/sdk/contract";
import { compile } from "@malla/sdk/engine";
import { formatFieldPath, validateDocument } from "@malla/sdk/resources";
import { type Attachment, attachmentsOf } from "./attachments.ts";
import { documentNameOf, placeOf } from "./document-name.ts";
import { fieldsOf } from "./refusals.ts";
import type { Unresolved } from "./resolve-service.ts";
import { byAge, type GatewayObjects, type GatewayRouteObject } from "./route-objects.ts";
import { NO_VERSION, type RuleContext, type TranslatedRule } from "./rule-parts.ts";
import { translateGrpcRule } from "./translate-grpc-route.ts";
import { translateHttpRule } from "./translate-http-route.ts";

/** Why a parent does not take a route, in the standard's words; `Conflicted` is the mesh profile's. */
export type RefusedReason = "NoMatchingParent" | "NotAllowedByListeners" | "UnsupportedValue" | "Conflicted";

/** What became of a route at one of its parents. */
export interface ParentOutcome {
  /** As it is written in the route. */
  readonly parentRef: unknown;
  /** Undefined: accepted. */
  readonly refused: { readonly reason: RefusedReason; readonly message: string } | undefined;
  /** Rules that are left out of a route that is accepted, with what is not supported. */
  readonly dropped: readonly string[];
  readonly unresolved: readonly Unresolved[];
}

export interface TranslatedRoute {
  readonly route: GatewayRouteObject;
  /** In the order of its `parentRefs`; those the mesh does not answer for are not among them. */
  readonly parents: readonly ParentOutcome[];
  /** In the order of its rules, in their normal form. */
  readonly documents: readonly MeshDocument[];
}

/** Younger than everything, so that it wins where nothing else does. */
const YOUNGEST = "9999-12-31T23:59:59.000Z";

/** A route at a parent that could take it, with its rules as the mesh has them. */
interface Candidate {
  readonly attachment: Attachment;
  readonly rules: readonly TranslatedRule[];
  readonly documents: readonly RouteDocument[];
}

/** Translates all routes beside each other, the older first where they are in each other's way. Pure; never throws. */
export function translateRoutes(objects: GatewayObjects): readonly TranslatedRoute[] {
  const routes = [...objects.routes].sort(byAge);
  const attachments = routes.flatMap((route) => attachmentsOf(route, objects));
  const candidates = attachments.map((attachment) => candidateOf(attachment, objects));
  const outcomes = new Map<Attachment, ParentOutcome>();
  const documents = new Map<GatewayRouteObject, Map<string, MeshDocument>>();
  for (const candidate of candidates) {
    const { attachment } = candidate;
    const outcome = outcomeOf(candidate, holderOf(candidate, candidates));
    outcomes.set(attachment, outcome);
    if (outcome.refused !== undefined) continue;
    const kept = documents.get(attachment.route) ?? new Map<string, MeshDocument>();
    documents.set(attachment.route, kept);
    // Two parents may be one service of the mesh.
    for (const document of candidate.documents) kept.set(document.metadata.name, document);
  }
  for (const document of unmatchedDocuments(candidates, outcomes)) {
    documents.get(document.route)?.set(document.document.metadata.name, document.document);
  }
  return routes.map((route) => ({
    route,
    parents: attachments
      .filter((attachment) => attachment.route === route)
      .map((attachment) => outcomes.get(attachment) as ParentOutcome),
    documents: [...(documents.get(route)?.values() ?? [])],
  }));
}

function candidateOf(attachment: Attachment, objects: GatewayObjects): Candidate {
  const { route, parent } = attachment;
  if (parent === undefined) return { attachment, rules: [], documents: [] };
  const context: RuleContext = { route, parent, objects };
  const rules = rulesOf(route).map((rule, index) => checkedRule(translateRule(rule, index, context), context));
  return {
    attachment,
    rules: rules.map(({ rule }) => rule),
    documents: rules.flatMap(({ documents }) => documents),
  };
}

/** An HTTPRoute without rules has one that takes every call; a GRPCRoute without rules has none. */
function rulesOf({ kind, spec }: GatewayRouteObject): readonly unknown[] {
  const { rules } = fieldsOf(spec);
  if (rules === undefined || rules === null) return kind === "HTTPRoute" ? [{}] : [];
  return Array.isArray(rules) ? rules : [rules];
}

function translateRule(rule: unknown, index: number, context: RuleContext): TranslatedRule {
  return context.route.kind === "HTTPRoute"
    ? translateHttpRule(rule, index, context)
    : translateGrpcRule(rule, index, context);
}

/** The mesh's own schema and engine have the last word: what they refuse is refused with the rule. */
function checkedRule(
  rule: TranslatedRule,
  { route, parent }: RuleContext,
): { readonly rule: TranslatedRule; readonly documents: readonly RouteDocument[] } {
  const documents: RouteDocument[] = [];
  const refused = [...rule.refused];
  for (const [place, match] of rule.matches.entries()) {
    if (rule.refused.length > 0) break;
    const name = documentNameOf(route, parent.service, placeOf(rule.index, place));
    const checked = checkedDocument(name, createdAtOf(route), { match, ...rule.does });
    if (typeof checked === "string") refused.push(`rules[${rule.index}].matches[${place}]: ${checked}`);
    else documents.push(checked);
  }
  return refused.length === 0 ? { rule, documents } : { rule: { ...rule, refused }, documents: [] };
}

function checkedDocument(name: string, createdAt: string | undefined, spec: object): RouteDocument | string {
  const { document, problems } = validateDocument({
    apiVersion: API_VERSION,
    kind: "Route",
    metadata: { name, ...(createdAt === undefined ? {} : { createdAt }) },
    spec,
  });
  if (document === undefined)
    return problems.map(({ path, message }) => `${formatFieldPath(path)} ${message}`).join("; ");
  const errors = compile([document], 1).problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) return errors.map(({ path, message }) => `${path} ${message}`).join("; ");
  return document as RouteDocument;
}

function createdAtOf({ metadata: { creationTimestamp } }: GatewayRouteObject): string | undefined {
  // oxlint-disable-next-line no-restricted-globals -- an instant that is written down is read; no clock is
  return creationTimestamp !== undefined && !Number.isNaN(Date.parse(creationTimestamp))
    ? creationTimestamp
    : undefined;
}

/** The route that was first at this service: kinds of routes are not merged, nor those of two namespaces. */
function holderOf(
  { attachment: { parent } }: Candidate,
  candidates: readonly Candidate[],
): GatewayRouteObject | undefined {
  if (parent === undefined) return undefined;
  return candidates.find(
    ({ attachment, documents }) => attachment.parent?.service === parent.service && documents.length > 0,
  )?.attachment.route;
}

function outcomeOf({ attachment, rules, documents }: Candidate, holder: GatewayRouteObject | undefined): ParentOutcome {
  const { route, parentRef, parent } = attachment;
  const refused = (reason: RefusedReason, message: string): ParentOutcome => {
    return { parentRef, refused: { reason, message }, dropped: [], unresolved: unresolvedIn(rules) };
  };
  if (parent === undefined) return refused(attachment.refused.reason, attachment.refused.message);
  const dropped = rules.filter((rule) => rule.refused.length > 0).map(describeDropped);
  if (documents.length === 0)
    return refused("UnsupportedValue", dropped.length > 0 ? dropped.join("; ") : "there is no rule in it");
  if (holder !== undefined && holder.kind !== route.kind)
    return refused(
      "Conflicted",
      `service ${parent.service} has ${label(holder)} already, which is older; routes of two kinds are not merged`,
    );
  if (holder !== undefined && holder.metadata.namespace !== route.metadata.namespace)
    return refused(
      "NotAllowedByListeners",
      `service ${parent.service} is spoken for by ${label(holder)}, which is older and in another namespace`,
    );
  return { parentRef, refused: undefined, dropped, unresolved: unresolvedIn(rules) };
}

function describeDropped({ index, refused }: TranslatedRule): string {
  return `Rule ${index} (${refused.join("; ")})`;
}

function unresolvedIn(rules: readonly TranslatedRule[]): readonly Unresolved[] {
  return rules.flatMap(({ unresolved }) => unresolved);
}

function label({ kind, metadata: { namespace, name } }: GatewayRouteObject): string {
  return `${kind} ${namespace}/${name}`;
}

/**
 * A service that has routes takes only the calls that one of them matches; the standard answers all others with an error. So
 * each service whose routes leave something out gets a last Route that leads nowhere. It belongs to the oldest of them.
 */
function unmatchedDocuments(
  candidates: readonly Candidate[],
  outcomes: ReadonlyMap<Attachment, ParentOutcome>,
): readonly { readonly route: GatewayRouteObject; readonly document: RouteDocument }[] {
  const byService = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const { parent } = candidate.attachment;
    if (parent === undefined || outcomes.get(candidate.attachment)?.refused !== undefined) continue;
    byService.set(parent.service, [...(byService.get(parent.service) ?? []), candidate]);
  }
  return [...byService].flatMap(([service, accepted]) => {
    const route = (accepted[0] as Candidate).attachment.route;
    if (accepted.some(({ documents }) => documents.some(takesEveryCall))) return [];
    const name = documentNameOf(route, service, "unmatched");
    const spec = { match: { service }, destinations: [{ version: NO_VERSION }], retries: { attempts: 0 } };
    const document = checkedDocument(name, YOUNGEST, spec);
    return typeof document === "string" ? [] : [{ route, document }];
  });
}

function takesEveryCall({ spec: { match } }: RouteDocument): boolean {
  return match.methods === undefined && match.headers === undefined;
}
