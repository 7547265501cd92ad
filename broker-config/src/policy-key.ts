// The nkey that signs policy heads and function bundles. Its private half stays with whoever applies policy; everybody
// else gets the public half as a signed tag in their credentials.
import type { Secret } from "@malla/sdk/contract";
import { fromPublic, fromSeed } from "@nats-io/nkeys";
import type { Keys } from "./keys.ts";

/** Seed of the signing key, for the operator's side only. */
export function policySigningKey(keys: Keys): Secret {
  return keys.policy.seed;
}

/** The public half, as it travels in credentials. */
export function policyPublicKey(keys: Keys): string {
  return keys.policy.publicKey;
}

/** Ed25519 signature (64 bytes) of the bytes. */
export function signPolicy(key: Secret, bytes: Uint8Array): Uint8Array {
  return fromSeed(new TextEncoder().encode(key.reveal())).sign(bytes);
}

/** Whether the signature over these bytes was made by the private half of this key; false for any nonsense. */
export function verifyPolicy(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return fromPublic(publicKey).verify(bytes, signature);
  } catch {
    return false;
  }
}
