// Signatures by nkeys, the keys the broker's own accounts are made of.
import { fromPublic, fromSeed } from "@nats-io/nkeys";

/** Signs with the seed of an nkey. */
export function signBytes(seed: Uint8Array, bytes: Uint8Array): Uint8Array {
  return fromSeed(seed).sign(bytes);
}

/** Whether a signature is of this public nkey. A key or signature that cannot be read is no signature. */
export function isSignedBy(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return fromPublic(publicKey).verify(bytes, signature);
  } catch {
    return false;
  }
}
