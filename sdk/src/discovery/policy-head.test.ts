import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { createUser } from "@nats-io/nkeys";
import fc from "fast-check";
import { openHead, type PolicyHead, signHead } from "./policy-head.ts";

const key = createUser();
const PUBLIC = key.getPublicKey();
const head: PolicyHead = {
  revision: 7,
  applyId: "a",
  author: "żaneta",
  createdAt: "2030-01-01T00:00:00.000Z",
  action: "apply",
  documents: [{ kind: "Route", name: "r", hash: "0".repeat(64) }],
};

function refused(bytes: Uint8Array, publicKey = PUBLIC): string {
  const opened = openHead(bytes, publicKey);
  assert.equal(typeof opened, "string");
  return opened as string;
}

test("what the operator signed is opened, with its bytes", () => {
  const bytes = signHead(head, key.getSeed());
  const opened = openHead(bytes, PUBLIC);
  assert.deepEqual(opened, { head, bytes });
});

describe("refuses", () => {
  const bytes = signHead(head, key.getSeed());
  const { signed, signature } = JSON.parse(Buffer.from(bytes).toString()) as { signed: string; signature: string };
  const sealed = (fields: object): Uint8Array => Buffer.from(JSON.stringify(fields));

  test("another's signature", () => assert.match(refused(signHead(head, createUser().getSeed())), /not signed/));
  test("a key that is not the operator's", () => void refused(bytes, createUser().getPublicKey()));
  test("a key that is none", () => void refused(bytes, "nonsense"));
  test("a changed revision", () =>
    void refused(sealed({ signed: signed.replace('"revision":7', '"revision":8'), signature })));
  test("a signature of nothing, or cut, or of another text", () => {
    for (const other of ["", signature.slice(0, -4), "!!!!", Buffer.alloc(64).toString("base64")])
      void refused(sealed({ signed, signature: other }));
  });
  test("what is no signed head at all", () => {
    for (const text of ["", "x", "null", "7", "[]", "{}", '"text"', '{"signed":1,"signature":2}', '{"signed":"{}"}'])
      void refused(Buffer.from(text));
  });
  test("any single byte changed, or reads the same head", () => {
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const tampered = Uint8Array.from(bytes);
        tampered[at] = ((tampered[at] as number) + by) % 256;
        const opened = openHead(tampered, PUBLIC);
        // A changed byte outside the text and its signature (a blank for a quote) makes no other policy.
        if (typeof opened !== "string") assert.deepEqual(opened.head, head);
      }),
      { numRuns: 150 },
    );
  });
});
