// Signatures by nkeys, the keys the broker's own accounts are made of. Signing is rare and is left to the package; verifying is
// done by every router and SDK for the head of the policy, where Node's own Ed25519 takes a hundredth of the time.
import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { fromPublic, fromSeed } from "@nats-io/nkeys";

/** What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, section 4). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const KEY_BYTES = 32;
const CHECKSUM_BYTES = 2;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Signs with the seed of an nkey. */
export function signBytes(seed: Uint8Array, bytes: Uint8Array): Uint8Array {
  return fromSeed(seed).sign(bytes);
}

/** Whether a signature is of this public nkey. A key or signature that cannot be read is no signature. */
export function isSignedBy(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, bytes, keyOf(publicKey), signature);
  } catch {
    return false;
  }
}

/** The last one asked for: a process knows one operator. */
let kept: { readonly publicKey: string; readonly key: KeyObject } | undefined;

/** Throws if it is no public nkey. */
function keyOf(publicKey: string): KeyObject {
  if (kept?.publicKey === publicKey) return kept.key;
  // Checks its prefix and its checksum.
  fromPublic(publicKey);
  const decoded = fromBase32(publicKey);
  if (decoded.length !== 1 + KEY_BYTES + CHECKSUM_BYTES) throw new Error("no key");
  const raw = decoded.subarray(1, 1 + KEY_BYTES);
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
  kept = { publicKey, key };
  return key;
}

/** RFC 4648, without padding. */
function fromBase32(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const character of text) {
    const digit = BASE32.indexOf(character);
    if (digit < 0) throw new Error("no base 32");
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >>> bits) & 0xff);
  }
  return Uint8Array.from(bytes);
}
