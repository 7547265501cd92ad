import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { createCurve, createOperator, createUser, fromPublic } from "@nats-io/nkeys";
import fc from "fast-check";
import { isSignedBy, signBytes } from "./signature.ts";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const USER_PREFIX = 20 << 3;
/** Order of the group, which the second half of a signature stays below. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** RFC 8032, 7.1: public key, message, signature. */
const VECTORS = [
  [
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
] as const;

/** XMODEM, little end first, as nkeys are written. */
function checksum(bytes: Uint8Array): [number, number] {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) sum = ((sum << 1) ^ ((sum & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff;
  }
  return [sum & 0xff, sum >>> 8];
}

function nkeyOf(raw: Uint8Array, prefix = USER_PREFIX): string {
  const body = Buffer.concat([Buffer.from([prefix]), raw]);
  const bits = [...body, ...checksum(body)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32[Number.parseInt(five.padEnd(5, "0"), 2)]).join("");
}

/** What the nkeys library says, which is slower and is asked for nothing else. */
function byLibrary(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return fromPublic(publicKey).verify(bytes, signature);
  } catch {
    return false;
  }
}

function changed(bytes: Uint8Array, at: number, by: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (copy.length > 0) copy[at % copy.length] = ((copy[at % copy.length] as number) + by) % 256;
  return copy;
}

describe("a signature of an nkey", () => {
  test("is told as RFC 8032 has it", () => {
    for (const [key, message, signature] of VECTORS) {
      const publicKey = nkeyOf(Buffer.from(key, "hex"));
      const [bytes, sealed] = [Buffer.from(message, "hex"), Buffer.from(signature, "hex")];
      assert.ok(isSignedBy(publicKey, bytes, sealed));
      assert.ok(!isSignedBy(publicKey, Buffer.concat([bytes, Buffer.from("x")]), sealed));
      assert.ok(!isSignedBy(publicKey, bytes, changed(sealed, 40, 1)));
    }
  });

  test("is told as the library does, whatever key, text and signature are", () => {
    const pairs = [createUser(), createOperator(), createCurve()];
    const texts = [
      "",
      "U",
      "nonsense",
      "\u0000",
      pairs[0]?.getPublicKey().toLowerCase() ?? "",
      nkeyOf(Buffer.alloc(31)),
    ];
    const publicKeys = fc.oneof(
      fc.constantFrom(...pairs.map((pair) => pair.getPublicKey()), ...texts),
      fc.uint8Array({ minLength: 30, maxLength: 34 }).map((raw) => nkeyOf(raw)),
      fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => nkeyOf(raw, 1)),
      fc.string(),
    );
    const [signer] = pairs;
    assert.ok(signer !== undefined);
    const property = fc.property(
      fc.record({
        own: fc.boolean(),
        publicKey: publicKeys,
        text: fc.uint8Array({ maxLength: 64 }),
        at: fc.nat({ max: 63 }),
        by: fc.constantFrom(0, 0, 1, 128),
        signature: fc.option(fc.uint8Array({ maxLength: 70 })),
      }),
      ({ own, publicKey, text, at, by, signature }) => {
        const asked = own ? signer.getPublicKey() : publicKey;
        const sealed = signature ?? changed(signer.sign(text), at, by);
        const told = isSignedBy(asked, text, sealed);
        assert.equal(told, byLibrary(asked, text, sealed));
        if (own && signature === null) assert.equal(told, by === 0);
      },
    );
    fc.assert(property, { numRuns: 60 });
  });

  test("has one form: the same with the order added, which the library takes, is none", () => {
    const signer = createUser();
    const text = Buffer.from("text");
    const sealed = signBytes(signer.getSeed(), text);
    const other = Uint8Array.from(sealed);
    let scalar = ORDER;
    for (let i = 63; i >= 32; i--) scalar += BigInt(sealed[i] as number) << BigInt(8 * (i - 32));
    for (let i = 32; i < 64; i++) other[i] = Number((scalar >> BigInt(8 * (i - 32))) & 0xffn);
    assert.ok(byLibrary(signer.getPublicKey(), text, other));
    assert.ok(!isSignedBy(signer.getPublicKey(), text, other));
    assert.ok(isSignedBy(signer.getPublicKey(), text, sealed));
  });
});
