import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { MeshError } from "../contract/index.ts";
import type { Contract, ContractMethod } from "../protobuf/contract.ts";
import { DecodeError } from "../protobuf/decode-error.ts";
import { contractEndpoints, impliedContentType, jsonEndpoints } from "./endpoint.ts";

const JSON_TYPE = "application/json";
const nothing = (): undefined => undefined;

/** A codec whose wire format is the word `wire:` before JSON. */
const codec: ContractMethod["request"] = {
  typeName: "shop.Message",
  encode: (value) => Buffer.from(`wire:${JSON.stringify(value)}`),
  decode: (bytes) => {
    const text = Buffer.from(bytes).toString();
    if (!text.startsWith("wire:")) throw new DecodeError("", "no such message");
    return JSON.parse(text.slice(5));
  },
  toJson: (value) => JSON.stringify(value),
  fromJson: (json) => {
    try {
      return JSON.parse(Buffer.from(json as Uint8Array).toString());
    } catch {
      throw new DecodeError("", "no JSON");
    }
  },
};

function contract(...methods: readonly Partial<ContractMethod>[]): Contract {
  const all = methods.map((method) => ({
    name: "Charge",
    fullName: "shop.Payments/Charge",
    idempotency: "unknown" as const,
    requestStream: false,
    responseStream: false,
    request: codec,
    response: codec,
    ...method,
  }));
  return {
    name: "payments",
    fullName: "shop.Payments",
    methods: new Map(all.map((method) => [method.name, method])),
    codec: () => undefined,
  } as unknown as Contract;
}

describe("plain handlers", () => {
  test("read and write JSON, or bytes", () => {
    const [endpoint] = jsonEndpoints({ place: nothing });
    assert.deepEqual(endpoint?.decode(Buffer.from('{"a":1}'), JSON_TYPE), { a: 1 });
    assert.deepEqual(endpoint?.encode(Uint8Array.from([1]), undefined).contentType, "application/octet-stream");
    assert.equal(endpoint?.idempotent, false);
  });
  for (const name of ["", "9a", "a-b", "_probe", "a.b", "*"])
    test(`refuses the name ${JSON.stringify(name)}`, () =>
      assert.throws(() => jsonEndpoints({ [name]: nothing }), { name: "TypeError", message: /method name/ }));
  test("refuses what is no function", () =>
    assert.throws(() => jsonEndpoints({ place: 7 as never }), /place: the handler must be a function/));
});

describe("a contract", () => {
  const payments = contract({}, { name: "Refund", fullName: "shop.Payments/Refund", idempotency: "idempotent" });
  const endpoints = contractEndpoints(payments, { Charge: nothing, Refund: nothing } as never);
  const charge = endpoints[0] ?? assert.fail();

  test("tells which methods may be repeated", () =>
    assert.deepEqual(
      endpoints.map(({ name, idempotent }) => [name, idempotent]),
      [
        ["Charge", false],
        ["Refund", true],
      ],
    ));
  test("needs every handler and no other", () => {
    assert.throws(() => contractEndpoints(payments, { Charge: nothing } as never), /no handler for method Refund/);
    assert.throws(
      () => contractEndpoints(payments, { Charge: nothing, Refund: nothing, Rob: nothing } as never),
      /has no method Rob; it has Charge, Refund/,
    );
  });
  test("reads and writes protobuf, or JSON where the request was JSON", () => {
    assert.deepEqual(charge.decode(Buffer.from('wire:{"a":1}'), "application/protobuf"), { a: 1 });
    assert.deepEqual(charge.decode(Buffer.from('{"a":1}'), "application/json; charset=utf-8"), { a: 1 });
    assert.deepEqual(
      [
        charge.encode({ a: 1 }, "application/protobuf").contentType,
        Buffer.from(charge.encode({ a: 1 }, "application/protobuf").bytes).toString(),
      ],
      ["application/protobuf", 'wire:{"a":1}'],
    );
    assert.deepEqual(
      [
        charge.encode({ a: 1 }, JSON_TYPE).contentType,
        Buffer.from(charge.encode({ a: 1 }, JSON_TYPE).bytes).toString(),
      ],
      [JSON_TYPE, '{"a":1}'],
    );
  });
  test("needs no content type: JSON begins with a brace, and no message does", () => {
    assert.deepEqual(charge.decode(Buffer.from('{"a":1}'), undefined), { a: 1 });
    assert.deepEqual(charge.decode(Buffer.from('wire:{"a":1}'), undefined), { a: 1 });
    assert.equal(impliedContentType(Buffer.from("{}")), JSON_TYPE);
    for (const text of ["", "\n\x01", "[1]", " {}"]) assert.equal(impliedContentType(Buffer.from(text)), undefined);
  });
  test("what cannot be read is the caller's mistake", () => {
    for (const [text, type] of [
      ["nonsense", "application/protobuf"],
      ["{", JSON_TYPE],
    ] as const)
      assert.throws(
        () => charge.decode(Buffer.from(text), type),
        (error) =>
          error instanceof MeshError &&
          error.status === "INVALID_ARGUMENT" &&
          error.message.startsWith("shop.Payments/Charge: "),
      );
  });
  test("a fault of the codec itself is not", () => {
    const fault = new RangeError("fault");
    const [endpoint] = contractEndpoints(
      contract({
        request: {
          ...codec,
          decode: () => {
            throw fault;
          },
        },
      }),
      { Charge: nothing } as never,
    );
    assert.throws(() => endpoint?.decode(Buffer.from("x"), undefined), fault);
  });
});
