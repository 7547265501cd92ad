// The file of a backup: a header that says which format it is, and behind it everything else, encrypted and authenticated by a
// passphrase. The header is authenticated too.
//
//   8 bytes  "MALLABK" and a zero
//   2 bytes  format, big-endian: the numbers and algorithms below are those of format 1
//   16 bytes salt
//   12 bytes nonce
//   16 bytes proof that the passphrase is right, so that a wrong one is told from an altered file
//   8 bytes  length of what follows, big-endian
//   …        AES-256-GCM of the gzipped content, and its tag of 16 bytes
import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";

const MAGIC = Buffer.from("MALLABK\0", "latin1");
const FORMAT = 1;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const PROOF_BYTES = 16;
const TAG_BYTES = 16;
const LENGTH_BYTES = 8;
const FORMAT_AT = MAGIC.length;
const SALT_AT = FORMAT_AT + 2;
const NONCE_AT = SALT_AT + SALT_BYTES;
const PROOF_AT = NONCE_AT + NONCE_BYTES;
const LENGTH_AT = PROOF_AT + PROOF_BYTES;
/** Bytes before the encrypted part. */
export const HEADER_BYTES = LENGTH_AT + LENGTH_BYTES;

/** Of scrypt: half a second and 128 MiB for each guess at a passphrase. */
const COST = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 } as const;
const KEY_BYTES = 32;
/** Of the content, unpacked: a policy of the largest size with its history is far below it. */
const MAX_CONTENT_BYTES = 1024 * 1024 * 1024;

/** From a salt to 64 bytes: the key, and what proves the passphrase. */
export type DeriveKey = (salt: Uint8Array) => Promise<Uint8Array>;

/** The way of a passphrase. Spellings of the same characters are the same passphrase, whichever keyboard typed them. */
export function deriveFrom(passphrase: string): DeriveKey {
  const text = passphrase.normalize("NFC");
  return async (salt) =>
    await new Promise((resolve, reject) => {
      scrypt(text, salt, 2 * KEY_BYTES, COST, (error, key) => (error === null ? resolve(key) : reject(error)));
    });
}

/** Encrypts; two seals of the same content have nothing in common. */
export async function sealFile(content: Uint8Array, derive: DeriveKey): Promise<Uint8Array> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const { key, proof } = split(await derive(salt));
  const packed = gzipSync(content);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64BE(BigInt(packed.length + TAG_BYTES));
  const format = Buffer.alloc(2);
  format.writeUInt16BE(FORMAT);
  const header = Buffer.concat([MAGIC, format, salt, nonce, proof, length]);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(header);
  return Buffer.concat([header, cipher.update(packed), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Decrypts. Throws an Error that says which it is: no backup, of a newer format, incomplete, another passphrase, altered.
 * Nothing of an altered file is returned.
 */
export async function openFile(sealed: Uint8Array, derive: DeriveKey): Promise<Uint8Array> {
  const file = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  checkHeader(file);
  const header = file.subarray(0, HEADER_BYTES);
  const { key, proof } = split(await derive(file.subarray(SALT_AT, NONCE_AT)));
  if (!timingSafeEqual(proof, file.subarray(PROOF_AT, LENGTH_AT)))
    throw new Error("the passphrase is not the one it was made with, or its first bytes were altered");
  const decipher = createDecipheriv("aes-256-gcm", key, file.subarray(NONCE_AT, PROOF_AT), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(header).setAuthTag(file.subarray(-TAG_BYTES));
  let packed: Buffer;
  try {
    packed = Buffer.concat([decipher.update(file.subarray(HEADER_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new Error("it was altered or damaged after it was made; use another copy");
  }
  return gunzipSync(packed, { maxOutputLength: MAX_CONTENT_BYTES });
}

function checkHeader(file: Buffer): void {
  if (!file.subarray(0, MAGIC.length).equals(MAGIC.subarray(0, file.length)) || file.length === 0)
    throw new Error("this is no backup of a mesh");
  if (file.length >= SALT_AT) {
    const format = file.readUInt16BE(FORMAT_AT);
    if (format !== FORMAT)
      throw new Error(
        `it has format ${format}, and this malla reads format ${FORMAT}: use the malla that made it, or a newer one`,
      );
  }
  if (file.length < HEADER_BYTES) throw new Error(`it is incomplete: ${file.length} bytes of at least ${HEADER_BYTES}`);
  const whole = BigInt(HEADER_BYTES) + file.readBigUInt64BE(LENGTH_AT);
  if (BigInt(file.length) < whole) throw new Error(`it is incomplete: ${file.length} bytes of ${whole}`);
  if (BigInt(file.length) > whole || whole < HEADER_BYTES + TAG_BYTES)
    throw new Error(`it was altered or damaged: ${file.length} bytes where its header says ${whole}`);
}

function split(derived: Uint8Array): { key: Buffer; proof: Buffer } {
  const bytes = Buffer.from(derived);
  // A hash, so that what stands in the file says nothing of the other half.
  const proof = createHash("sha256").update("malla backup proof\0").update(bytes.subarray(KEY_BYTES)).digest();
  return { key: bytes.subarray(0, KEY_BYTES), proof: proof.subarray(0, PROOF_BYTES) };
}
