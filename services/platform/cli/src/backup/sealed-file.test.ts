import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type DeriveKey, deriveFrom, HEADER_BYTES, openFile, sealFile } from "./sealed-file.ts";

/** Cheap, so that hundreds of files can be opened. */
const quick =
  (passphrase: string): DeriveKey =>
  async (salt) =>
    createHash("sha512").update(passphrase).update(salt).digest();
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

test("what was sealed with a passphrase is opened with it, and not with another", async () => {
  const content = text("everything");
  const sealed = await sealFile(content, deriveFrom("correct horse battery"));
  assert.deepEqual(Buffer.from(await openFile(sealed, deriveFrom("correct horse battery"))), Buffer.from(content));
  await assert.rejects(openFile(sealed, deriveFrom("correct horse batterY")), /passphrase is not the one/);
});

test("a passphrase is its characters, however they are composed", async () => {
  const salt = new Uint8Array(16);
  assert.deepEqual(await deriveFrom("caf\u00e9")(salt), await deriveFrom("cafe\u0301")(salt));
});

test("any content comes back, and the same content never makes the same file", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 5_000 }), fc.string(), async (content, passphrase) => {
      const [one, two] = [await sealFile(content, quick(passphrase)), await sealFile(content, quick(passphrase))];
      assert.deepEqual(Buffer.from(await openFile(one, quick(passphrase))), Buffer.from(content));
      assert.notDeepEqual(one.subarray(HEADER_BYTES), two.subarray(HEADER_BYTES));
    }),
    { numRuns: 100 },
  );
});

test("a file that was altered in any byte is refused", async () => {
  const sealed = await sealFile(text("some content ".repeat(20)), quick("p"));
  for (let at = 0; at < sealed.length; at++) {
    const altered = Uint8Array.from(sealed);
    altered[at] = (altered[at] as number) ^ (1 << (at % 8));
    await assert.rejects(openFile(altered, quick("p")), Error, `byte ${at}`);
  }
});

test("a file that was cut anywhere, or has bytes behind its end, is refused and says so", async () => {
  const sealed = await sealFile(text("some content"), quick("p"));
  for (let length = 8; length < sealed.length; length++)
    await assert.rejects(openFile(sealed.subarray(0, length), quick("p")), /incomplete/, `${length} bytes`);
  await assert.rejects(openFile(Buffer.concat([sealed, sealed]), quick("p")), /altered/);
});

test("what is no backup, and what a newer malla made, are told apart", async () => {
  for (const other of ["", "PK\u0003\u0004", "{}", "MALLABKx rest"])
    await assert.rejects(openFile(text(other), quick("p")), /no backup of a mesh/, other);
  const newer = Buffer.from(await sealFile(text("x"), quick("p")));
  newer.writeUInt16BE(2, 8);
  await assert.rejects(openFile(newer, quick("p")), /format 2, and this malla reads format 1/);
});

test("bytes of any kind are refused, never taken", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      await assert.rejects(openFile(bytes, quick("p")), Error);
      await assert.rejects(openFile(Buffer.concat([Buffer.from("MALLABK\0\0\u0001", "latin1"), bytes]), quick("p")));
    }),
    { numRuns: 300 },
  );
});
