// The nkey that signs policy heads and function bundles. Its private half stays with whoever applies policy; everybody
// else gets the public half as a signed tag in their credentials.
import type { Secret } from "@malla/sdk/contract";
import type { Keys } from "./keys.ts";

/** Seed of the signing key, for the operator's side only. */
export function policySigningKey(keys: Keys): Secret {
  return keys.policy.seed;
}

/** The public half, as it travels in credentials. */
export function policyPublicKey(keys: Keys): string {
  return keys.policy.publicKey;
}
