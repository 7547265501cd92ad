// What a MeshService says of itself: conditions Accepted and Issued, the Secret's name, and how long its credentials hold.
import { isDeepStrictEqual } from "node:util";
import { credentialsSecretName } from "../names.ts";
import type { RefusedClaim } from "./claims.ts";
import type { WantedIdentity } from "./wanted-identities.ts";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly observedGeneration: number;
  /** ISO instant at which `status` changed. */
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

export interface MeshServiceStatus {
  readonly observedGeneration: number;
  /** Absent: there are no credentials. */
  readonly secretName?: string;
  /** ISO instant. */
  readonly expiresAt?: string;
  readonly conditions: readonly Condition[];
}

/** What became of an identity in a pass. */
export interface IdentityOutcome {
  readonly identity: WantedIdentity;
  /** Why its Secret could not be read or written; undefined: it is there. */
  readonly failure: string | undefined;
  readonly expiresAtMs: number | undefined;
}

export interface StatusInput {
  readonly generation: number | undefined;
  /** `status` as it is. */
  readonly before: unknown;
  /** Undefined: the claim was accepted. */
  readonly refused: RefusedClaim | undefined;
  /** Undefined: there is no identity with this owner. */
  readonly outcome: IdentityOutcome | undefined;
  /** ISO instant, which a condition gets when its status changes. */
  readonly now: string;
}

export function meshServiceStatus({ generation = 0, before, refused, outcome, now }: StatusInput): MeshServiceStatus {
  const issued = issuedOf(outcome);
  const conditions = [acceptedOf(refused), issued].map((said): Condition => {
    const known = conditionOf(before, said.type);
    const lastTransitionTime = known?.status === said.status ? known.lastTransitionTime : now;
    return { ...said, observedGeneration: generation, lastTransitionTime };
  });
  if (outcome === undefined || issued.status !== "True") return { observedGeneration: generation, conditions };
  const { identity, expiresAtMs } = outcome;
  return {
    observedGeneration: generation,
    secretName: credentialsSecretName(identity.service),
    ...(expiresAtMs === undefined ? {} : { expiresAt: new Date(expiresAtMs).toISOString() }),
    conditions,
  };
}

/** Whether nothing need be written. */
export function isSameStatus(before: unknown, after: MeshServiceStatus): boolean {
  return isDeepStrictEqual(before, JSON.parse(JSON.stringify(after)));
}

type Said = Pick<Condition, "type" | "status" | "reason" | "message">;

function acceptedOf(refused: RefusedClaim | undefined): Said {
  if (refused === undefined)
    return { type: "Accepted", status: "True", reason: "Accepted", message: "the name is this namespace's" };
  const { reason, message } = refused;
  return { type: "Accepted", status: "False", reason, message };
}

function issuedOf(outcome: IdentityOutcome | undefined): Said {
  if (outcome === undefined)
    return { type: "Issued", status: "False", reason: "NotAccepted", message: "see condition Accepted" };
  const { identity, failure } = outcome;
  if (failure !== undefined) return { type: "Issued", status: "False", reason: "SecretFailed", message: failure };
  const message = `Secret ${credentialsSecretName(identity.service)} has credentials of role ${identity.role}`;
  return { type: "Issued", status: "True", reason: "Issued", message };
}

function conditionOf(status: unknown, type: string): Condition | undefined {
  const { conditions } = (status ?? {}) as { conditions?: unknown };
  if (!Array.isArray(conditions)) return undefined;
  return conditions.find((condition): condition is Condition => condition?.type === type);
}
