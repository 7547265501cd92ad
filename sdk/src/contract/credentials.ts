// Credentials as their holder reads them: an ordinary NATS .creds file whose JWT carries, as signed tags, what the
// holder must know of itself. Reading checks the form; that the JWT is genuine is for the broker to say.
import { Buffer } from "node:buffer";
import type { Role } from "./names.ts";
import { Secret } from "./secret.ts";

/** A mesh role, or `application`: an application's own JetStream in an account of its own. */
export type CredentialRole = Role | "application";

/** What the issuer writes into a credential as signed tags. */
export interface CredentialFacts {
  readonly role: CredentialRole;
  /** Name of the account: upper case, as `MESH`. */
  readonly account: string;
  /** Public nkey that signs policy heads: `U` and 55 more characters. */
  readonly policyKey: string;
  /** Services that a holder of role `direct` may send to past the router. */
  readonly directTo: readonly string[];
  /** Services that live behind a leaf node: its holder may be any of them. Default: none. */
  readonly edgeServices?: readonly string[];
}

/**
 * The facts as tags. Tags are lower-cased by several tools of NATS; all that stands in them survives that: names are lower
 * case, account names are upper case throughout, and an nkey is base32 in one case, so its lower case stands for it.
 */
export function credentialTags(facts: CredentialFacts): string[] {
  return [
    `role:${facts.role}`,
    `account:${facts.account.toLowerCase()}`,
    `policy-key:${facts.policyKey.toLowerCase()}`,
    ...facts.directTo.map((target) => `direct:${target}`),
    ...(facts.edgeServices ?? []).map((service) => `edge:${service}`),
  ];
}

/** What a `.creds` file says, and the two pieces with which its holder proves itself to the broker. */
export interface Credentials {
  /** The name the credentials were issued for. */
  readonly principal: string;
  /** Absent where the issuer was not Malla. */
  readonly role: CredentialRole | undefined;
  /** Name of the account, `MESH` for calls; absent where the issuer was not Malla. */
  readonly account: string | undefined;
  /** Public nkey of the account. */
  readonly accountKey: string;
  /** Public nkey that signs policy heads; absent where the issuer was not Malla. */
  readonly policyPublicKey: string | undefined;
  readonly directTo: readonly string[];
  /** Wall clock; absent if the credentials do not expire. */
  readonly expiresAtMs: number | undefined;
  readonly jwt: string;
  /** The user's nkey seed, which signs the broker's nonce. */
  readonly seed: Secret;
}

/** A file that is no usable credential; the message says why and never holds a seed. */
export class CredentialsError extends Error {
  constructor(message: string) {
    super(`${message}; issue credentials again with: malla credentials issue NAME --role ROLE -o FILE`);
    this.name = "CredentialsError";
  }
}

/** Begins at the first of its dashes only: tried at each of them, a file of dashes would take quadratic time. */
const BLOCK = /(?<!-)-{3,}BEGIN ([A-Z ]+)-{3,}\s+(\S+)\s+-{3,}END \1-{3,}/g;
const SEED = /^SU[A-Z2-7]{56}$/;
const ACCOUNT_KEY = /^A[A-Z2-7]{55}$/;
const POLICY_KEY = /^U[A-Z2-7]{55}$/;
const ROLE_TAG = /^[a-z]+$/;

/**
 * Reads the text of a `.creds` file; `source` names it in errors. Throws a CredentialsError for anything else, and for
 * credentials of something that is not a user.
 */
export function readCredentials(text: string | Uint8Array, source = "credentials"): Credentials {
  const content = typeof text === "string" ? text : new TextDecoder().decode(text);
  const blocks = new Map([...content.matchAll(BLOCK)].map((match) => [match[1] as string, match[2] as string]));
  const jwt = blocks.get("NATS USER JWT");
  const seed = blocks.get("USER NKEY SEED");
  if (jwt === undefined) throw new CredentialsError(`${source}: no block "NATS USER JWT"`);
  if (seed === undefined) throw new CredentialsError(`${source}: no block "USER NKEY SEED"`);
  if (!SEED.test(seed)) throw new CredentialsError(`${source}: the block "USER NKEY SEED" holds no user seed`);
  return { ...readClaims(jwt, source), jwt, seed: new Secret(seed) };
}

function readClaims(jwt: string, source: string): Omit<Credentials, "jwt" | "seed"> {
  const claims = decodeClaims(jwt, source);
  const nats = isRecord(claims.nats) ? claims.nats : {};
  if (nats.type !== "user") throw new CredentialsError(`${source}: the JWT is not of a user`);
  const accountKey = nats.issuer_account ?? claims.iss;
  if (typeof claims.name !== "string" || claims.name === "")
    throw new CredentialsError(`${source}: the JWT names nobody`);
  if (typeof accountKey !== "string" || !ACCOUNT_KEY.test(accountKey)) {
    throw new CredentialsError(`${source}: the JWT names no account`);
  }
  const tags = Array.isArray(nats.tags) ? nats.tags.filter((tag) => typeof tag === "string") : [];
  const policyKey = tagValues(tags, "policy-key")[0]?.toUpperCase();
  if (policyKey !== undefined && !POLICY_KEY.test(policyKey)) {
    throw new CredentialsError(`${source}: the tag "policy-key" holds no public key`);
  }
  const role = tagValues(tags, "role")[0];
  if (role !== undefined && !ROLE_TAG.test(role)) throw new CredentialsError(`${source}: the tag "role" holds no role`);
  return {
    principal: claims.name,
    role: role as CredentialRole | undefined,
    account: tagValues(tags, "account")[0]?.toUpperCase(),
    accountKey,
    policyPublicKey: policyKey,
    directTo: tagValues(tags, "direct"),
    expiresAtMs: typeof claims.exp === "number" && claims.exp > 0 ? claims.exp * 1000 : undefined,
  };
}

function decodeClaims(jwt: string, source: string): Record<string, unknown> {
  const parts = jwt.split(".");
  if (parts.length !== 3) throw new CredentialsError(`${source}: the JWT has ${parts.length} parts instead of 3`);
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] as string, "base64url").toString("utf8"));
    if (isRecord(claims)) return claims;
  } catch {
    // The parser's own message would quote the file.
  }
  throw new CredentialsError(`${source}: the claims of the JWT cannot be read`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tagValues(tags: readonly string[], name: string): string[] {
  const prefix = `${name}:`;
  return tags.filter((tag) => tag.startsWith(prefix)).map((tag) => tag.slice(prefix.length));
}
