// Claims of all namespaces → who gets which credentials, and who is told why not. One namespace a name.
import {
  type Claim,
  type ClaimingObject,
  type ClaimSettings,
  claimOf,
  isRefused,
  type RefusedClaim,
} from "./claims.ts";
import type { NameKind, NamespaceGuard } from "./namespace-guard.ts";

/** Credentials that are wanted: one Secret. */
export interface WantedIdentity extends ClaimSettings {
  readonly namespace: string;
  readonly service: string;
  /** Everything the Secret is for, the one whose word holds first. */
  readonly owners: readonly ClaimingObject[];
}

/** Names a namespace has already, as the ledger remembers. */
export interface HeldIdentity {
  readonly namespace: string;
  readonly service: string;
  readonly application: string | undefined;
  /** ISO instant. */
  readonly since: string;
}

export interface WantedIdentities {
  readonly wanted: readonly WantedIdentity[];
  readonly refused: readonly RefusedClaim[];
  /** Service → the namespace it belongs to. */
  readonly owners: ReadonlyMap<string, string>;
}

/**
 * Who has a name already keeps it; else the older claim gets it. By the age of objects alone, an old Deployment that is
 * annotated today would take a name from who has used it for months.
 */
export function wantedIdentities(
  objects: readonly ClaimingObject[],
  held: readonly HeldIdentity[],
  guard: NamespaceGuard,
): WantedIdentities {
  const refused: RefusedClaim[] = [];
  const read = [...objects].sort(byAge).flatMap((object) => claimOf(object) ?? []);
  const claims = read.flatMap((claim) => {
    const answer = isRefused(claim) ? claim : allowed(claim, guard);
    if (!isRefused(answer)) return [answer];
    // A namespace outside of the mesh hears nothing: what stands there is perhaps another mesh's.
    if (guard.isOpen(answer.owner.metadata.namespace ?? "")) refused.push(answer);
    return [];
  });
  const slips = refused.filter(({ reason }) => reason === "Invalid");
  const withApplications = keepOwned(claims, "application", { guard, held, slips, refused });
  const kept = keepOwned(withApplications, "service", { guard, held, slips, refused });
  const groups = new Map<string, Claim[]>();
  for (const claim of kept) groups.set(claim.service, [...(groups.get(claim.service) ?? []), claim]);
  const wanted = [...groups.values()].map((group) => merge(group, refused));
  return { wanted, refused, owners: new Map(wanted.map(({ service, namespace }) => [service, namespace])) };
}

function allowed(claim: Claim, guard: NamespaceGuard): Claim | RefusedClaim {
  const { namespace, service, application } = claim;
  const message =
    guard.refusal(namespace, "service", service) ??
    (application === undefined ? undefined : guard.refusal(namespace, "application", application));
  return message === undefined ? claim : refuse(claim, "NotAllowed", message);
}

interface Ownership {
  readonly guard: NamespaceGuard;
  readonly held: readonly HeldIdentity[];
  /** Claims that are written wrongly: a slip of the pen does not lose a name to somebody else. */
  readonly slips: readonly RefusedClaim[];
  /** Claims in vain are added. */
  readonly refused: RefusedClaim[];
}

/** The claims whose name belongs to their namespace. An application account that namespaces list is shared by those. */
function keepOwned(
  claims: readonly Claim[],
  kind: NameKind,
  { guard, held, slips, refused }: Ownership,
): readonly Claim[] {
  const owners = new Map<string, Claim | HeldIdentity>();
  const asking = new Set([
    ...claims.flatMap((claim) => keyOf(claim.namespace, claim[kind]) ?? []),
    ...slips.flatMap(({ owner, service }) => keyOf(owner.metadata.namespace ?? "", service) ?? []),
  ]);
  for (const holder of [...held].sort(bySince)) {
    const name = holder[kind];
    const key = keyOf(holder.namespace, name);
    if (name !== undefined && key !== undefined && asking.has(key) && !owners.has(name)) owners.set(name, holder);
  }
  for (const claim of claims) {
    const name = claim[kind];
    if (name !== undefined && !owners.has(name)) owners.set(name, claim);
  }
  return claims.filter((claim) => {
    const name = claim[kind];
    const owner = name === undefined ? undefined : owners.get(name);
    if (name === undefined || owner === undefined || owner.namespace === claim.namespace) return true;
    if (kind === "application" && guard.isListed(claim.namespace, kind, name)) return true;
    refused.push(
      kind === "service"
        ? refuse(claim, "NameTaken", `service ${name} belongs to namespace ${owner.namespace}, which had it first`)
        : refuse(
            claim,
            "ApplicationTaken",
            `application account ${name} belongs to namespace ${owner.namespace}, which had it first`,
          ),
    );
    return false;
  });
}

function keyOf(namespace: string, name: string | undefined): string | undefined {
  return name === undefined ? undefined : `${namespace}/${name}`;
}

/** A MeshService speaks before annotations, the older before the younger; who says otherwise is told. */
function merge(group: readonly Claim[], refused: RefusedClaim[]): WantedIdentity {
  const ranked = [...group].sort((a, b) => Number(isAnnotation(a)) - Number(isAnnotation(b)));
  const [leader, ...others] = ranked as [Claim, ...Claim[]];
  for (const other of others) {
    const field = FIELDS.find((name) => JSON.stringify(other[name]) !== JSON.stringify(leader[name]));
    if (field === undefined) continue;
    const { kind, metadata } = leader.owner;
    const message = `${kind} ${metadata.name} speaks for service ${leader.service} in this namespace and says ${field} ${show(leader[field])}, not ${show(other[field])}`;
    refused.push(refuse(other, "Overruled", message));
  }
  const { namespace, service, role, directTo, application, lifetimeMs } = leader;
  return { namespace, service, role, directTo, application, lifetimeMs, owners: ranked.map(({ owner }) => owner) };
}

const FIELDS: readonly (keyof ClaimSettings)[] = ["role", "directTo", "application", "lifetimeMs"];

function isAnnotation({ owner }: Claim): boolean {
  return owner.kind !== "MeshService";
}

function show(value: ClaimSettings[keyof ClaimSettings]): string {
  return value === undefined ? "nothing" : Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
}

function refuse(claim: Claim, reason: RefusedClaim["reason"], message: string): RefusedClaim {
  return { owner: claim.owner, service: claim.service, reason, message };
}

function bySince(a: HeldIdentity, b: HeldIdentity): number {
  return compare(a.since, b.since) || compare(a.namespace, b.namespace);
}

function byAge(a: ClaimingObject, b: ClaimingObject): number {
  return compare(ageKey(a), ageKey(b));
}

function ageKey({ kind, metadata: { creationTimestamp = "9", namespace = "", name } }: ClaimingObject): string {
  return `${creationTimestamp} ${namespace} ${kind} ${name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
