// When credentials are issued anew. All that it takes is in the credentials themselves, so that a restart forgets nothing.
import type { VerifiedCredentials } from "@malla/broker-config";
import type { ClaimSettings } from "./claims.ts";

/** Why credentials are issued; for the event that says so. */
export type RenewalReason =
  | "there are none"
  | "they are damaged, or not issued here"
  | "their role is another"
  | "their direct targets are others"
  | "their account is another"
  | "a key that signs has changed"
  | "they live longer than is wanted"
  | "two thirds of their life are over";

export interface Renewal {
  /** Undefined: they stay. */
  readonly reason: RenewalReason | undefined;
  /** Of the credentials as they are. */
  readonly expiresAtMs: number | undefined;
}

/** Credentials as they should be. */
export interface WantedCredentials extends Pick<ClaimSettings, "directTo" | "lifetimeMs"> {
  readonly principal: string;
  readonly role: "service" | "direct" | "application";
  readonly account: string;
}

const RENEW_AFTER = 2 / 3;
/** Share of a life by which a renewal comes earlier at most, so that what was issued together is not renewed together. */
const JITTER = 1 / 20;
/** A lifetime is rounded up to a second, and the issuer's clock is not the reader's. */
const TOLERANCE_MS = 5_000;

/** Whether to issue anew, by what is there. `verify` is `verifyCredentials` with the present keys. */
export function renewalOf(
  text: string | undefined,
  wanted: WantedCredentials,
  verify: (text: string) => VerifiedCredentials | undefined,
  nowMs: number,
): Renewal {
  if (text === undefined) return { reason: "there are none", expiresAtMs: undefined };
  const found = verify(text);
  if (found === undefined || found.principal !== wanted.principal)
    return { reason: "they are damaged, or not issued here", expiresAtMs: undefined };
  const isDue = renewalInstant(found) <= nowMs;
  const reason = differenceOf(found, wanted) ?? (isDue ? "two thirds of their life are over" : undefined);
  return { reason, expiresAtMs: found.expiresAtMs };
}

function differenceOf(found: VerifiedCredentials, wanted: WantedCredentials): RenewalReason | undefined {
  if (found.role !== wanted.role) return "their role is another";
  if (found.account !== wanted.account) return "their account is another";
  if ([...found.directTo].sort().join() !== wanted.directTo.join()) return "their direct targets are others";
  if (!found.isCurrent) return "a key that signs has changed";
  const lifeMs = lifeOf(found);
  return lifeMs > wanted.lifetimeMs + TOLERANCE_MS ? "they live longer than is wanted" : undefined;
}

function lifeOf({ issuedAtMs, expiresAtMs }: VerifiedCredentials): number {
  return expiresAtMs === undefined ? Number.POSITIVE_INFINITY : expiresAtMs - issuedAtMs;
}

/** The same for the same credentials whenever it is asked: chance comes from their fingerprint. */
export function renewalInstant(credentials: VerifiedCredentials): number {
  const chance = Number.parseInt(credentials.fingerprint.slice(0, 8), 16) / 2 ** 32;
  return credentials.issuedAtMs + lifeOf(credentials) * (RENEW_AFTER - JITTER * chance);
}
