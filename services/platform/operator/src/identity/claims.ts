// From a workload or a MeshService to what it asks for, or to why it asks in vain.
import { isApplicationAccount } from "@malla/broker-config";
import { isIssuableName, isServiceName, RESERVED_NAMES, ROUTER_ID_PREFIX } from "@malla/sdk/contract";
import {
  APPLICATION_ANNOTATION,
  DIRECT_TO_ANNOTATION,
  LIFETIME_ANNOTATION,
  ROLE_ANNOTATION,
  SERVICE_ANNOTATION,
} from "../names.ts";

export interface ClaimMetadata {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  /** ISO instant. */
  readonly creationTimestamp?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly ownerReferences?: readonly { readonly kind: string; readonly controller?: boolean }[] | undefined;
}

/** A Deployment, StatefulSet, DaemonSet, Job, CronJob or MeshService. */
export interface ClaimingObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ClaimMetadata;
  readonly spec?: unknown;
}

/** The roles a workload may have. */
export type WorkloadRole = "service" | "direct";

export interface ClaimSettings {
  readonly role: WorkloadRole;
  /** Sorted, each once. */
  readonly directTo: readonly string[];
  readonly application: string | undefined;
  readonly lifetimeMs: number;
}

export interface Claim extends ClaimSettings {
  readonly owner: ClaimingObject;
  readonly namespace: string;
  readonly service: string;
}

/** `Invalid`: what is written; a slip of the pen, which takes nothing away. All others: somebody decided so. */
export type RefusalReason =
  | "Invalid"
  | "NotAllowed"
  | "NameTaken"
  | "ApplicationTaken"
  | "Overruled"
  | "SecretConflict";

export interface RefusedClaim {
  readonly owner: ClaimingObject;
  /** Undefined where it cannot be read. */
  readonly service: string | undefined;
  readonly reason: RefusalReason;
  readonly message: string;
}

const HOUR_MS = 3_600_000;
const DEFAULT_LIFETIME_HOURS = 24;
const MIN_LIFETIME_HOURS = 1;
const MAX_LIFETIME_HOURS = 720;
/** As many direct targets fit into one credential. */
const MAX_TARGETS = 256;

/** Undefined: the object asks for nothing. */
export function claimOf(object: ClaimingObject): Claim | RefusedClaim | undefined {
  return object.kind === "MeshService" ? claimOfMeshService(object) : claimOfWorkload(object);
}

export function isRefused(claim: Claim | RefusedClaim): claim is RefusedClaim {
  return "reason" in claim;
}

/** What is written, before it is known to be right. */
interface Written {
  readonly service: unknown;
  readonly role: unknown;
  readonly directTo: readonly unknown[];
  readonly application: unknown;
  readonly lifetimeHours: unknown;
}

function claimOfMeshService(object: ClaimingObject): Claim | RefusedClaim {
  const { service = object.metadata.name, role, directTo, application, lifetimeHours } = mapOf(object.spec);
  const targets = directTo ?? [];
  if (!Array.isArray(targets)) return invalid(object, service, "spec.directTo must be a list");
  return checked(object, { service, role, directTo: targets, application, lifetimeHours });
}

function claimOfWorkload(object: ClaimingObject): Claim | RefusedClaim | undefined {
  if (isOfCronJob(object)) return undefined;
  const sources = annotationSources(object).filter((annotations) => annotations[SERVICE_ANNOTATION] !== undefined);
  const [first, ...others] = sources;
  if (first === undefined) return undefined;
  const service = first[SERVICE_ANNOTATION];
  if (others.some((other) => other[SERVICE_ANNOTATION] !== service))
    return invalid(
      object,
      service,
      `annotation ${SERVICE_ANNOTATION} says one service here and another on the pod template`,
    );
  const lifetime = first[LIFETIME_ANNOTATION];
  return checked(object, {
    service,
    role: first[ROLE_ANNOTATION],
    directTo: listOf(first[DIRECT_TO_ANNOTATION]),
    application: first[APPLICATION_ANNOTATION],
    lifetimeHours: lifetime === undefined ? undefined : /^\d{1,4}$/.test(lifetime) ? Number(lifetime) : lifetime,
  });
}

/** A CronJob claims for the Jobs it starts. */
function isOfCronJob({ kind, metadata }: ClaimingObject): boolean {
  if (kind !== "Job") return false;
  return metadata.ownerReferences?.some((owner) => owner.kind === "CronJob" && owner.controller === true) ?? false;
}

type Annotations = Readonly<Record<string, string>>;

/** Those of the object stand before those of its templates. */
function annotationSources({ metadata, spec }: ClaimingObject): readonly Annotations[] {
  const { template, jobTemplate } = mapOf(spec);
  const jobSpec = mapOf(mapOf(jobTemplate).spec);
  const sources = [metadata, mapOf(template).metadata, mapOf(jobTemplate).metadata, mapOf(jobSpec.template).metadata];
  return sources.map((source) => mapOf(mapOf(source).annotations) as Annotations);
}

function checked(owner: ClaimingObject, written: Written): Claim | RefusedClaim {
  const { service, directTo, application } = written;
  const role = written.role ?? "service";
  const hours = written.lifetimeHours ?? DEFAULT_LIFETIME_HOURS;
  const problem =
    serviceProblem(service) ?? roleProblem(role, directTo) ?? applicationProblem(application) ?? lifetimeProblem(hours);
  if (problem !== undefined) return invalid(owner, service, problem);
  return {
    owner,
    namespace: owner.metadata.namespace ?? "",
    service: service as string,
    role: role as WorkloadRole,
    directTo: [...new Set(directTo as readonly string[])].sort(),
    application: application as string | undefined,
    lifetimeMs: (hours as number) * HOUR_MS,
  };
}

function serviceProblem(service: unknown): string | undefined {
  if (typeof service !== "string" || !isServiceName(service))
    return `service ${show(service)}: use 1 to 63 of a-z, 0-9 and -, without - at either end`;
  if (service.startsWith(ROUTER_ID_PREFIX))
    return `service ${service}: names that start with ${ROUTER_ID_PREFIX} are for routers`;
  if (RESERVED_NAMES.has(service)) return `service ${service}: the name is reserved`;
  return undefined;
}

function roleProblem(role: unknown, directTo: readonly unknown[]): string | undefined {
  if (role !== "service" && role !== "direct")
    return `role ${show(role)}: a workload may have service or direct; other credentials are issued by malla credentials issue`;
  if (directTo.length > 0 && role !== "direct") return "only role direct may name services to call past the router";
  if (directTo.length > MAX_TARGETS)
    return `${directTo.length} direct targets; at most ${MAX_TARGETS} fit into one credential`;
  const odd = directTo.find((target) => typeof target !== "string" || !isIssuableName(target, "service"));
  return odd === undefined ? undefined : `direct target ${show(odd)} is not the name of a service`;
}

function applicationProblem(application: unknown): string | undefined {
  if (application === undefined || (typeof application === "string" && isApplicationAccount(application)))
    return undefined;
  return `application ${show(application)}: use up to 32 of A-Z, 0-9, _ and -, and no account of the mesh`;
}

function lifetimeProblem(hours: unknown): string | undefined {
  if (
    typeof hours === "number" &&
    Number.isInteger(hours) &&
    hours >= MIN_LIFETIME_HOURS &&
    hours <= MAX_LIFETIME_HOURS
  )
    return undefined;
  return `lifetime of ${show(hours)} hours: use a whole number from ${MIN_LIFETIME_HOURS} to ${MAX_LIFETIME_HOURS}`;
}

function listOf(text: string | undefined): readonly string[] {
  const parts = text?.split(",").map((part) => part.trim()) ?? [];
  return parts.filter((part) => part !== "");
}

function invalid(owner: ClaimingObject, service: unknown, message: string): RefusedClaim {
  return { owner, service: typeof service === "string" ? service : undefined, reason: "Invalid", message };
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
