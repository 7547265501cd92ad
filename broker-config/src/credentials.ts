// Issues credentials: one signature by the key of a role in an account. The broker holds the grants; a credential only
// says who, and which role's key says so.
import { join } from "node:path";
import {
  type CredentialRole,
  credentialTags,
  isIssuableName,
  isServiceName,
  RESERVED_NAMES,
  type Secret,
} from "@malla/sdk/contract";
import { encodeUser, fmtCreds } from "@nats-io/jwt";
import { createUser, fromSeed } from "@nats-io/nkeys";
import { writePrivateFile } from "./atomic-file.ts";
import { grantsOf } from "./grants.ts";
import { accountKeys, ensureKeys, type Keys, roleKey } from "./keys.ts";

/** The server refuses a user whose templates grow beyond its cap; this stays far below it. */
const MAX_DIRECT_TARGETS = 256;
const MAX_EDGE_SERVICES = 64;

export interface CredentialRequest {
  /** The principal: a DNS label that the role may carry. */
  readonly name: string;
  readonly role: CredentialRole;
  /** Default: MESH, or the only account in which the role has grants. An application names its account. */
  readonly account?: string;
  /** Services that may be called past the router; for role `direct` only. Default: none. */
  readonly directTo?: readonly string[];
  /** Services that live behind a leaf node, at least one; for role `leaf` only. */
  readonly edgeServices?: readonly string[];
  /** Validity from now on, rounded up to a second. Default: for ever. */
  readonly expiresInMs?: number;
}

/** Credentials that are not to be had so: a name the role may not carry, targets it may not name, an account left open. */
export class CredentialRequestError extends Error {}

/** What signs one user: enough of the keys to speak for a role in an account, and no more. */
export interface UserSigner {
  readonly role: CredentialRole;
  readonly account: string;
  readonly accountKey: string;
  readonly policyKey: string;
  /** Seed of the role's signing key. */
  readonly seed: Secret;
}

/**
 * Issues credentials and returns the text of a `.creds` file, which holds a secret. Throws `CredentialRequestError` for a name the
 * role may not carry (so that nobody becomes `*`, `a.b`, a router or a role), and another for a role that has nothing in the account.
 */
export async function issueCredentials(keys: Keys, request: CredentialRequest): Promise<string> {
  const account = accountKeys(keys, accountOf(keys, request));
  const { key } = roleKey(account, request.role);
  return await signUser(
    {
      role: request.role,
      account: account.name,
      accountKey: account.identity.publicKey,
      policyKey: keys.policy.publicKey,
      seed: key.seed,
    },
    request,
  );
}

/**
 * Issues credentials into `<home>/credentials/<name>.creds`, or `<name>.<account>.creds` for accounts other than MESH
 * (0600), replacing what was there. Makes the keys first if there are none. Returns the path.
 */
export async function writeCredentials(home: string, request: CredentialRequest, keys?: Keys): Promise<string> {
  const known =
    keys ??
    (await ensureKeys(
      home,
      request.role === "application" && request.account ? { applications: [request.account] } : {},
    ));
  const text = await issueCredentials(known, request);
  const path = credentialsFile(home, request.name, accountOf(known, request));
  await writePrivateFile(path, text);
  return path;
}

/** Where the credentials of a principal lie. `account` defaults to MESH. */
export function credentialsFile(home: string, name: string, account = "MESH"): string {
  return join(credentialsFolder(home), account === "MESH" ? `${name}.creds` : `${name}.${account}.creds`);
}

export function credentialsFolder(home: string): string {
  return join(home, "credentials");
}

/** Signs one user; the checks on names and tags are here, so that no way of issuing goes around them. */
export async function signUser(
  signer: UserSigner,
  request: Omit<CredentialRequest, "role" | "account">,
): Promise<string> {
  const directTo = [...new Set(request.directTo ?? [])];
  const edgeServices = [...new Set(request.edgeServices ?? [])];
  checkName(request.name, signer.role);
  checkTargets(directTo, signer.role);
  checkEdge(edgeServices, signer.role);
  const user = createUser();
  const tags = credentialTags({
    role: signer.role,
    account: signer.account,
    policyKey: signer.policyKey,
    directTo,
    edgeServices,
  });
  const jwt = await encodeUser(
    request.name,
    user,
    fromSeed(new TextEncoder().encode(signer.seed.reveal())),
    // The issuer account is said here, since the library would want the account's own key to say it by itself.
    { tags, issuer_account: signer.accountKey } as object,
    { scopedUser: true, ...expiry(request.expiresInMs) },
  );
  return new TextDecoder().decode(fmtCreds(jwt, user));
}

function accountOf(keys: Keys, request: CredentialRequest): string {
  if (request.account !== undefined) return request.account;
  const kinds = grantsOf(request.role).map((grant) => grant.account);
  if (kinds.includes("MESH")) return "MESH";
  const named = keys.accounts.filter((account) => kinds.includes(account.kind)).map((account) => account.name);
  if (named.length === 1) return named[0] as string;
  throw new CredentialRequestError(
    `role "${request.role}" needs an account: ${named.join(", ") || "there is none yet"}`,
  );
}

function checkName(name: string, role: CredentialRole): void {
  // An application is a service, seen from its own account.
  if (isIssuableName(name, role === "application" ? "service" : role) && name !== "application") return;
  throw new CredentialRequestError(
    `no credentials of role "${role}" in the name ${JSON.stringify(name)}: ${whyNot(name, role)}`,
  );
}

function whyNot(name: string, role: CredentialRole): string {
  if (!isServiceName(name)) return "use 1 to 63 of a-z, 0-9 and -, without - at either end";
  if (role === "router") return 'a router is called "router-" and an id of its own';
  if (RESERVED_NAMES.has(name) || name === "application") return "the name is reserved";
  return 'names that start with "router-" are for routers';
}

function checkTargets(targets: readonly string[], role: CredentialRole): void {
  if (targets.length > 0 && role !== "direct")
    throw new CredentialRequestError(`only role "direct" may name services to call past the router, not "${role}"`);
  if (targets.length > MAX_DIRECT_TARGETS)
    throw new CredentialRequestError(
      `${targets.length} direct targets; at most ${MAX_DIRECT_TARGETS} fit into one credential`,
    );
  for (const target of targets) {
    if (!isIssuableName(target, "service"))
      throw new CredentialRequestError(
        `${JSON.stringify(target)} is not the name of a service that can be a direct target`,
      );
  }
}

function checkEdge(services: readonly string[], role: CredentialRole): void {
  if (role !== "leaf") {
    if (services.length === 0) return;
    throw new CredentialRequestError(`only role "leaf" may name services at an edge, not "${role}"`);
  }
  if (services.length === 0)
    throw new CredentialRequestError("a leaf node needs the names of the services that live behind it");
  if (services.length > MAX_EDGE_SERVICES)
    throw new CredentialRequestError(
      `${services.length} services at one edge; at most ${MAX_EDGE_SERVICES} fit into one credential`,
    );
  for (const service of services) {
    if (!isIssuableName(service, "service"))
      throw new CredentialRequestError(
        `${JSON.stringify(service)} is not the name of a service that can live at an edge`,
      );
  }
}

function expiry(expiresInMs: number | undefined): { exp?: number } {
  if (expiresInMs === undefined) return {};
  if (!Number.isFinite(expiresInMs) || expiresInMs <= 0)
    throw new CredentialRequestError(`expiresInMs is ${expiresInMs}; it must be a positive number of milliseconds`);
  return { exp: Math.ceil((Date.now() + expiresInMs) / 1000) };
}
