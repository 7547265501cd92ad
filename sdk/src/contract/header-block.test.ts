import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { encodeHeaderBlock } from "./encode-header-block.ts";
import {
  assertSendable,
  duplicateReserved,
  EMPTY_BLOCK,
  headerValue,
  isReservedHeader,
  MAX_BLOCK_BYTES,
  parseHeaderBlock,
} from "./header-block.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

const GOOD: readonly { name: string; text: string; status?: number; fields?: readonly string[] }[] = [
  { name: "no bytes", text: "" },
  { name: "no fields", text: "NATS/1.0\r\n\r\n" },
  { name: "a status line", text: "NATS/1.0 503\r\n\r\n", status: 503 },
  { name: "a status line with text", text: "NATS/1.0 408 Request Timeout\r\n\r\n", status: 408 },
  {
    name: "the server's no-responders",
    text: "NATS/1.0 503\r\nNats-Subject: a\r\n\r\n",
    status: 503,
    fields: ["Nats-Subject", "a"],
  },
  { name: "blanks around a value", text: "NATS/1.0\r\nA: \t b c \t\r\n\r\n", fields: ["A", "b c"] },
  { name: "no blank before a value", text: "NATS/1.0\r\nA:b\r\n\r\n", fields: ["A", "b"] },
  { name: "an empty value", text: "NATS/1.0\r\nA:\r\n\r\n", fields: ["A", ""] },
  { name: "a colon in the value", text: "NATS/1.0\r\nA: b:c\r\n\r\n", fields: ["A", "b:c"] },
  { name: "a tab in the value", text: "NATS/1.0\r\nA: b\tc\r\n\r\n", fields: ["A", "b\tc"] },
  { name: "the same name twice", text: "NATS/1.0\r\nA: b\r\na: c\r\n\r\n", fields: ["A", "b", "a", "c"] },
  { name: "UTF-8 in the value", text: "NATS/1.0\r\nA: \xc5\xbc\xc3\xb3\xc5\x82w\r\n\r\n", fields: ["A", "żółw"] },
  {
    name: "UTF-8 that ends in what Latin-1 calls a blank",
    text: "NATS/1.0\r\nA: \xc3\xa0\r\n\r\n",
    fields: ["A", "à"],
  },
  { name: "bytes that are no UTF-8", text: "NATS/1.0\r\nA: \xff\r\n\r\n", fields: ["A", "\ufffd"] },
];

describe("reads", () => {
  for (const { name, text, status = 0, fields = [] } of GOOD)
    test(name, () => assert.deepEqual(parseHeaderBlock(bytes(text)), { status, fields }));
});

const BAD: readonly { name: string; text: string; says: RegExp }[] = [
  { name: "another protocol", text: "HTTP/1.1\r\n\r\n", says: /begin/ },
  { name: "another version", text: "NATS/1.1\r\n\r\n", says: /begin/ },
  { name: "a longer version", text: "NATS/1.01\r\n\r\n", says: /status/ },
  { name: "lower case", text: "nats/1.0\r\n\r\n", says: /begin/ },
  { name: "one terminator", text: "NATS/1.0\r\n", says: /terminated/ },
  { name: "no terminator", text: "NATS/1.0", says: /terminated/ },
  { name: "a field without the empty line", text: "NATS/1.0\r\nA: b\r\n", says: /terminated/ },
  { name: "LF for CRLF", text: "NATS/1.0\nA: b\n\n", says: /terminated/ },
  { name: "a lone LF in a value", text: "NATS/1.0\r\nA: b\nC: d\r\n\r\n", says: /control/ },
  { name: "a lone CR in a value", text: "NATS/1.0\r\nA: b\rC: d\r\n\r\n", says: /control/ },
  { name: "a CR before the CRLF", text: "NATS/1.0\r\nA: b\r\r\n\r\n", says: /control/ },
  { name: "NUL in a value", text: "NATS/1.0\r\nA: b\0\r\n\r\n", says: /control/ },
  { name: "DEL in a value", text: "NATS/1.0\r\nA: \x7f\r\n\r\n", says: /control/ },
  { name: "a control character next to UTF-8", text: "NATS/1.0\r\nA: \xc3\xa0\x01\r\n\r\n", says: /control/ },
  { name: "no colon", text: "NATS/1.0\r\nA b\r\n\r\n", says: /colon/ },
  { name: "a colon in the next line only", text: "NATS/1.0\r\nA b\r\nC: d\r\n\r\n", says: /colon/ },
  { name: "an empty name", text: "NATS/1.0\r\n: b\r\n\r\n", says: /name/ },
  { name: "a blank before the colon", text: "NATS/1.0\r\nA : b\r\n\r\n", says: /name/ },
  { name: "a folded line", text: "NATS/1.0\r\nA: b\r\n c: d\r\n\r\n", says: /name/ },
  { name: "NUL in a name", text: "NATS/1.0\r\nA\0: b\r\n\r\n", says: /name/ },
  { name: "a name above ASCII", text: "NATS/1.0\r\n\xc3\xa0: b\r\n\r\n", says: /name/ },
  { name: "an empty line in the middle", text: "NATS/1.0\r\nA: b\r\n\r\nC: d\r\n\r\n", says: /goes on/ },
  { name: "two empty lines", text: "NATS/1.0\r\n\r\n\r\n", says: /goes on/ },
  { name: "a status of two digits", text: "NATS/1.0 50\r\n\r\n", says: /status/ },
  { name: "a status of four digits", text: "NATS/1.0 5033\r\n\r\n", says: /status/ },
  {
    name: "a status of 000, which is no status and a status line all the same",
    text: "NATS/1.0 000\r\n\r\n",
    says: /status/,
  },
  { name: "a status of 099", text: "NATS/1.0 099 x\r\n\r\n", says: /status/ },
  { name: "a status that is none", text: "NATS/1.0 abc\r\n\r\n", says: /status/ },
  { name: "a status without its blank", text: "NATS/1.0503\r\n\r\n", says: /status/ },
  { name: "a lone LF in the status line", text: "NATS/1.0 503 a\nb\r\n\r\n", says: /status/ },
  { name: "a blank after the version", text: "NATS/1.0 \r\n\r\n", says: /status/ },
  { name: "257 fields", text: `NATS/1.0\r\n${"A: b\r\n".repeat(257)}\r\n`, says: /256/ },
];

describe("refuses", () => {
  for (const { name, text, says } of BAD) {
    test(name, () => {
      const problem = parseHeaderBlock(bytes(text));
      assert.equal(typeof problem, "string", `was read as ${JSON.stringify(problem)}`);
      assert.match(problem as string, says);
    });
  }

  test("more bytes than the bound, and takes as many as the bound", () => {
    const around = "NATS/1.0\r\nA: \r\n\r\n".length;
    const most = `NATS/1.0\r\nA: ${"b".repeat(MAX_BLOCK_BYTES - around)}\r\n\r\n`;
    assert.equal(typeof parseHeaderBlock(bytes(most)), "object");
    assert.match(parseHeaderBlock(bytes(most.replace("A: ", "A: b"))) as string, /65537 bytes/);
  });

  test("a block that would exceed the bound when it is written again: bytes that are no UTF-8 become three each", () => {
    const around = "NATS/1.0\r\nA: \r\n\r\n".length;
    const most = Math.floor((MAX_BLOCK_BYTES - around) / 3);
    const taken = parseHeaderBlock(bytes(`NATS/1.0\r\nA: ${"\xff".repeat(most)}\r\n\r\n`));
    assert.ok(typeof taken !== "string", String(taken));
    assert.equal(encodeHeaderBlock(taken.fields).length, around + 3 * most);
    const two = `NATS/1.0\r\nA: ${"\xff".repeat(most - 10)}\r\nB: ${"\xff".repeat(12)}\r\n\r\n`;
    assert.match(parseHeaderBlock(bytes(two)) as string, /header B: .* no UTF-8/);
    // What is UTF-8 may fill the block.
    const full = `NATS/1.0\r\nA: ${"\xc3\xa0".repeat((MAX_BLOCK_BYTES - around) / 2)}\r\n\r\n`;
    assert.equal(typeof parseHeaderBlock(bytes(full)), "object");
  });

  test("with a short text, however long the name is", () => {
    const name = "Malla-Load".repeat(6_000);
    for (const value of ["\x01", "\xff".repeat(3_000)]) {
      const problem = parseHeaderBlock(bytes(`NATS/1.0\r\n${name}: ${value}\r\n\r\n`)) as string;
      assert.ok(problem.startsWith("header Malla-LoadMalla-Load"), String(problem).slice(0, 80));
      assert.ok(problem.length < 200, `${problem.length} characters`);
    }
  });

  test("and never repeats a value in what it says", () => {
    const problem = parseHeaderBlock(bytes("NATS/1.0\r\nAuthorization: secret\x01\r\n\r\n")) as string;
    assert.match(problem, /Authorization/);
    assert.ok(!problem.includes("secret"));
  });
});

const fieldName = fc.stringMatching(/^[A-Za-z0-9_.-]{1,20}$/);
const fieldValue = fc.string({ unit: "grapheme", maxLength: 60 }).filter((value) => {
  try {
    assertSendable("x", value);
    return true;
  } catch {
    return false;
  }
});

test("fuzz: whatever the bytes are, it returns a block or why not", () => {
  const near = fc
    .array(
      fc.oneof(fc.constantFrom("NATS/1.0", "\r\n", "\r", "\n", ":", " ", "\0", "A: b", " 503", "\xff"), fc.string()),
      { maxLength: 20 },
    )
    .map((parts) => bytes(`NATS/1.0${parts.join("")}\r\n\r\n`));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), near), (input) => {
      const block = parseHeaderBlock(input);
      if (typeof block === "string") return assert.ok(block.length < 200);
      for (let i = 0; i < block.fields.length; i += 2) {
        assert.match(block.fields[i] as string, /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/);
        assert.ok(![..."\r\n\0"].some((bad) => (block.fields[i + 1] as string).includes(bad)));
      }
      // What was read can be written and is then read the same.
      if (block.status === 0) assert.deepEqual(parseHeaderBlock(encodeHeaderBlock(block.fields)), block);
    }),
    { numRuns: 2_000 },
  );
});

test("property: what is sendable is read as it was written, but for the blanks around it", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fieldName, fieldValue), { maxLength: 20 }), (pairs) => {
      const block = parseHeaderBlock(encodeHeaderBlock(pairs.flat()));
      const want = pairs.flatMap(([name, value]) => [
        name,
        Buffer.from(value.replace(/^[ \t]+|[ \t]+$/g, "")).toString(),
      ]);
      assert.deepEqual(block, { status: 0, fields: want });
    }),
  );
});

test("values are found in any case, the first of several", () => {
  const block = { status: 0, fields: ["X-A", "1", "x-a", "2", "Malla-Timeout", "3"] };
  assert.equal(headerValue(block, "x-A"), "1");
  assert.equal(headerValue(block, "MALLA-TIMEOUT"), "3");
  assert.equal(headerValue(block, "x-b"), undefined);
  assert.equal(headerValue(EMPTY_BLOCK, "x"), undefined);
});

describe("reserved names", () => {
  for (const name of [
    "Malla-Timeout",
    "malla-anything",
    "MALLA-X",
    "traceparent",
    "TraceState",
    "AUTHORIZATION",
    "content-type",
  ])
    test(`${name} is`, () => assert.ok(isReservedHeader(name)));
  for (const name of ["X-Malla", "mallax", "Accept", "baggage"])
    test(`${name} is not`, () => assert.ok(!isReservedHeader(name)));

  const DUPLICATES: readonly { fields: readonly string[]; want: string | undefined }[] = [
    { fields: [], want: undefined },
    { fields: ["Malla-Timeout", "1"], want: undefined },
    { fields: ["Malla-Timeout", "1", "malla-timeout", "1"], want: "malla-timeout" },
    { fields: ["a", "1", "MALLA-KEY", "x", "b", "2", "Malla-Key", "y"], want: "Malla-Key" },
    { fields: ["traceparent", "a", "Traceparent", "b"], want: "Traceparent" },
    { fields: ["Content-Type", "a", "content-TYPE", "b"], want: "content-TYPE" },
    { fields: ["X-A", "1", "x-a", "2"], want: undefined },
    { fields: ["Malla-A", "1", "Malla-B", "1"], want: undefined },
  ];
  for (const { fields, want } of DUPLICATES)
    test(`twice in ${JSON.stringify(fields)}: ${want}`, () =>
      assert.equal(duplicateReserved({ status: 0, fields }), want));
});

describe("what an application may send", () => {
  test("names and values", () => {
    for (const [name, value] of [
      ["X-A", "b"],
      ["x_a.b", "tab\tinside"],
      ["a", "żółw"],
      ["a", ""],
    ] as const)
      assertSendable(name, value);
  });
  for (const name of ["", "a b", "a:b", "a\r\n", "ż", "a\0"])
    test(`refuses the name ${JSON.stringify(name)}`, () => assert.throws(() => assertSendable(name, "v"), TypeError));
  for (const value of ["a\r\nMalla-Caller: root", "a\nb", "a\rb", "a\0b", "\x7f", "\x01"])
    test(`refuses the value ${JSON.stringify(value)} without repeating it`, () =>
      assert.throws(
        () => assertSendable("x-secret", value),
        (error) => {
          assert.ok(error instanceof TypeError);
          assert.match(error.message, /x-secret/);
          assert.ok(!error.message.includes(value));
          return true;
        },
      ));
  test("refuses what is no string", () => assert.throws(() => assertSendable("a", 7 as never), TypeError));
});
