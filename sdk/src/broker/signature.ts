// Signatures by nkeys, the keys the broker's own accounts are made of. Policy is verified every second on an event loop that
// carries calls, so Node's own Ed25519 does it: the nkeys library's, in JavaScript, takes thirty times as long.
import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { fromPublic, fromSeed } from "@nats-io/nkeys";

/** DER of SubjectPublicKeyInfo for Ed25519 (RFC 8410), up to the 32 bytes of the key. */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** One byte for what the key is of, 32 of the key, two of its checksum, in base32. */
const NKEY_LENGTH = 56;
const KEY_BYTES = 32;

/** The key that was asked for last: a process follows one mesh, so it is always the same. */
let lastRead: { readonly publicKey: string; readonly key: KeyObject } | undefined;

/** Signs with the seed of an nkey. */
export function signBytes(seed: Uint8Array, bytes: Uint8Array): Uint8Array {
  return fromSeed(seed).sign(bytes);
}

/**
 * Whether a signature is of this public nkey. A key or signature that cannot be read is no signature, and nor is one that
 * is written in another way than RFC 8032 allows.
 */
export function isSignedBy(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    if (lastRead?.publicKey !== publicKey) lastRead = { publicKey, key: readKey(publicKey) };
    return verify(null, bytes, lastRead.key, signature);
  } catch {
    return false;
  }
}

function readKey(publicKey: string): KeyObject {
  // Its checksum, and that it is a public one.
  fromPublic(publicKey);
  if (publicKey.length !== NKEY_LENGTH) throw new Error(`a public nkey has ${NKEY_LENGTH} characters`);
  const raw = decodeBase32(publicKey).subarray(1, 1 + KEY_BYTES);
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
}

function decodeBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let value = 0;
  let bits = 0;
  let length = 0;
  for (const character of text) {
    value = ((value << 5) | BASE32.indexOf(character)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = (value >>> bits) & 0xff;
  }
  return bytes;
}
