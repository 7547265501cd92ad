// Whether credentials were issued by these keys, and what they say: for whoever keeps issued credentials current.
import { createHash } from "node:crypto";
import { type CredentialRole, readCredentials } from "@malla/sdk/contract";
import { decode } from "@nats-io/jwt";
import { fromSeed } from "@nats-io/nkeys";
import type { Keys } from "./keys.ts";

/** Credentials whose signature was checked. */
export interface VerifiedCredentials {
  readonly principal: string;
  /** By the key that signed, which cannot be made up. */
  readonly role: CredentialRole;
  readonly account: string;
  readonly directTo: readonly string[];
  readonly issuedAtMs: number;
  /** Undefined: they do not expire. */
  readonly expiresAtMs: number | undefined;
  /** Whether the signer is the role's present one, and the key that signs policy is still the one they name. */
  readonly isCurrent: boolean;
  /** Of the JWT, so that no secret: what tells two credentials of one name apart. SHA-256, in hex. */
  readonly fingerprint: string;
}

/**
 * Reads a `.creds` file that these keys have issued, expired or not. Undefined for anything else: damaged, of another mesh,
 * signed by a key that was retired, or with a seed that is not the user's.
 */
export function verifyCredentials(keys: Keys, text: string): VerifiedCredentials | undefined {
  try {
    const { principal, accountKey, policyPublicKey, directTo, expiresAtMs, jwt, seed } = readCredentials(text);
    // Throws unless the signature is by `iss`.
    const { iss, sub, iat } = decode(jwt);
    const account = keys.accounts.find(({ identity }) => identity.publicKey === accountKey);
    const signer = account?.roles.find(({ key, previous }) => iss === key.publicKey || iss === previous);
    if (account === undefined || signer === undefined) return undefined;
    if (fromSeed(new TextEncoder().encode(seed.reveal())).getPublicKey() !== sub) return undefined;
    return {
      principal,
      role: signer.role,
      account: account.name,
      directTo,
      issuedAtMs: iat * 1000,
      expiresAtMs,
      isCurrent: iss === signer.key.publicKey && policyPublicKey === keys.policy.publicKey,
      fingerprint: createHash("sha256").update(jwt).digest("hex"),
    };
  } catch {
    // Why it cannot be read does not matter to who would issue it anew, and the parsers' messages may quote it.
    return undefined;
  }
}
