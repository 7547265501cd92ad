import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type BackupContent, decodeContent, encodeContent } from "./content.ts";

const hashed = (texts: readonly string[]): Record<string, string> =>
  Object.fromEntries(texts.map((text) => [createHash("sha256").update(text).digest("hex"), text]));
const CONTENT: BackupContent = {
  createdAt: "2026-01-01T00:00:00.000Z",
  madeBy: "0.1.0",
  files: { "keys/operator.nk": "seed\n", "keys/MESH.guest.nk.previous": "old\n", "server/accounts.conf": "jwt\n" },
  policy: { heads: ["one", "two"], documents: hashed(["{}"]) },
};
const encode = (value: unknown): Uint8Array => encodeContent(value as BackupContent);

test("content comes back as it was", () => {
  assert.deepEqual(decodeContent(encodeContent(CONTENT)), CONTENT);
  assert.deepEqual(decodeContent(encodeContent({ ...CONTENT, policy: undefined })).policy, undefined);
});

test("content of any texts comes back as it was", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string({ unit: "binary" })), (heads, texts) => {
      const content = { ...CONTENT, policy: { heads, documents: hashed(texts) } };
      assert.deepEqual(decodeContent(encodeContent(content)), content);
    }),
  );
});

test("a path that could leave the home is refused", () => {
  for (const path of ["../x", "/etc/x", "keys/../../x", "keys//x", "", ".", "keys/.x", "a\\b", "a\0b", "keys/"])
    assert.throws(() => decodeContent(encode({ ...CONTENT, files: { [path]: "x" } })), /cannot be one/, path);
});

test("what is missing or of another shape is said, and never quoted", () => {
  const cases: readonly [unknown, RegExp][] = [
    [null, /no date/],
    [{ ...CONTENT, createdAt: 1 }, /no date/],
    [{ ...CONTENT, files: ["keys/operator.nk"] }, /no files/],
    [{ ...CONTENT, files: { "keys/a.nk": 1 } }, /no files/],
    [{ ...CONTENT, policy: null }, /no heads/],
    [{ ...CONTENT, policy: { heads: [1], documents: {} } }, /no heads/],
    [{ ...CONTENT, policy: { heads: [], documents: { [`${"0".repeat(64)}`]: "{}" } } }, /not what its hash says/],
  ];
  for (const [value, message] of cases) assert.throws(() => decodeContent(encode(value)), message);
  assert.throws(
    () => decodeContent(Buffer.from("SUSECRET")),
    (error: Error) => !error.message.includes("SUSECRET"),
  );
});
