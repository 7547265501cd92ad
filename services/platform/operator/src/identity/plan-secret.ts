// What the Secret of one identity needs: nothing, or to be written with these contents. Signs, and does no I/O.
import { isDeepStrictEqual } from "node:util";
import { issueCredentials, type Keys, type VerifiedCredentials } from "@malla/broker-config";
import type { RefusalReason } from "./claims.ts";
import {
  type CredentialsSecret,
  isOurs,
  referencesTo,
  type SecretTexts,
  secretOf,
  textsOf,
} from "./credentials-secret.ts";
import { type Renewal, type RenewalReason, renewalOf, type WantedCredentials } from "./renew.ts";
import type { WantedIdentity } from "./wanted-identities.ts";

export interface Issuer {
  readonly keys: Keys;
  /** `verifyCredentials` with those keys. */
  readonly verify: (text: string) => VerifiedCredentials | undefined;
  /** What workloads get as `NATS_URL`. */
  readonly url: string;
  /** PEM; undefined: without TLS, or with a certificate the system trusts. */
  readonly ca: string | undefined;
}

export type SecretPlan =
  | {
      readonly refused: undefined;
      /** What to write; undefined: the Secret is as it should be. */
      readonly write: CredentialsSecret | undefined;
      /** Why credentials were issued; undefined: they were not. */
      readonly issued: RenewalReason | undefined;
      /** Of the credentials as they will be, the ones that end first. */
      readonly expiresAtMs: number | undefined;
    }
  | { readonly refused: { readonly reason: RefusalReason; readonly message: string } };

/** `before` is the Secret of that name as it is there. */
export async function planSecret(
  identity: WantedIdentity,
  before: CredentialsSecret | undefined,
  issuer: Issuer,
  nowMs: number,
): Promise<SecretPlan> {
  const refused = secretProblem(identity, before) ?? accountProblem(identity, issuer.keys);
  if (refused !== undefined) return { refused };
  const texts = before === undefined ? NO_TEXTS : textsOf(before);
  const applied = wantedApplication(identity);
  const credentials = await current(texts.credentials, wantedCredentials(identity), issuer, nowMs);
  const application = applied === undefined ? undefined : await current(texts.application, applied, issuer, nowMs);
  const { url, ca } = issuer;
  const next: SecretTexts = { credentials: credentials.text, application: application?.text, url, ca };
  return {
    refused: undefined,
    write: isAsWanted(before, texts, next, identity) ? undefined : secretOf(identity, next, before),
    issued: credentials.reason ?? application?.reason,
    expiresAtMs: earliest(credentials.expiresAtMs, application?.expiresAtMs),
  };
}

const NO_TEXTS: SecretTexts = { credentials: undefined, application: undefined, url: undefined, ca: undefined };

function secretProblem(
  { service }: WantedIdentity,
  before: CredentialsSecret | undefined,
): { readonly reason: RefusalReason; readonly message: string } | undefined {
  if (before === undefined || isOurs(before, service)) return undefined;
  const message = `Secret ${before.metadata.name} is not the operator's and is left as it is: delete it to get credentials`;
  return { reason: "SecretConflict", message };
}

function accountProblem(
  { application }: WantedIdentity,
  { accounts }: Keys,
): { readonly reason: RefusalReason; readonly message: string } | undefined {
  if (application === undefined || accounts.some(({ name }) => name === application)) return undefined;
  const known = accounts.filter(({ kind }) => kind === "APPLICATION").map(({ name }) => name);
  const message = `there is no application account ${application}; there are: ${known.join(", ") || "none"}`;
  return { reason: "Invalid", message };
}

function wantedCredentials({ service, role, directTo, lifetimeMs }: WantedIdentity): WantedCredentials {
  return { principal: service, role, account: "MESH", directTo, lifetimeMs };
}

function wantedApplication({ service, application, lifetimeMs }: WantedIdentity): WantedCredentials | undefined {
  if (application === undefined) return undefined;
  return { principal: service, role: "application", account: application, directTo: [], lifetimeMs };
}

/** The credentials as they are, or new ones. */
async function current(
  text: string | undefined,
  wanted: WantedCredentials,
  { keys, verify }: Issuer,
  nowMs: number,
): Promise<Renewal & { readonly text: string }> {
  const renewal = renewalOf(text, wanted, verify, nowMs);
  if (text !== undefined && renewal.reason === undefined) return { ...renewal, text };
  const { principal, role, account, directTo, lifetimeMs } = wanted;
  const issued = await issueCredentials(keys, { name: principal, role, account, directTo, expiresInMs: lifetimeMs });
  return { text: issued, reason: renewal.reason, expiresAtMs: verify(issued)?.expiresAtMs };
}

function isAsWanted(
  before: CredentialsSecret | undefined,
  texts: SecretTexts,
  next: SecretTexts,
  { owners }: WantedIdentity,
): boolean {
  if (before === undefined || !isDeepStrictEqual(texts, next)) return false;
  const references = (before.metadata.ownerReferences ?? []).map(({ apiVersion, kind, name, uid }) => {
    return { apiVersion, kind, name, uid };
  });
  return isDeepStrictEqual(references.sort(byUid), referencesTo(owners));
}

function byUid(a: { readonly uid: string }, b: { readonly uid: string }): number {
  return a.uid < b.uid ? -1 : 1;
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
