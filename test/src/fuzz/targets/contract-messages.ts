// Messages of contracts, from the wire and from JSON: decoded or refused with a DecodeError that names a field, never larger
// than the input allows, and the same when they are written and read again.
import { deepStrictEqual } from "node:assert/strict";
import { type Contract, DecodeError, loadContract } from "@malla/sdk/protobuf";
import { mutateTree } from "../mutate-tree.ts";
import { checkoutPath } from "../shipped-policies.ts";
import { bytesOf, type FuzzTarget, type Input, must, type Random, textOf } from "../target.ts";
import { weigh } from "../weigh.ts";
import { wireFields } from "../wire-fields.ts";

type Codec = NonNullable<ReturnType<Contract["codec"]>>;

const payments = await loadContract(checkoutPath("services/shop/protos/payments.proto"));
const everything = await loadContract(checkoutPath("sdk/src/protobuf/testdata/everything.proto"));

/** Every message type a method of these contracts takes or gives, and those that hold the odd kinds of fields. */
const codecs: readonly Codec[] = [
  ...[...payments.methods.values(), ...everything.methods.values()].flatMap(({ request, response }) => [
    request,
    response,
  ]),
  ...["All", "WellKnown", "Words", "Tree"].map((name) => everything.codec(`test.everything.${name}`)),
].filter((codec): codec is Codec => codec !== undefined);

/** Defaults of every field stand in a message of no bytes; an empty message within is two bytes. */
const WEIGHT_PER_BYTE = 600;
const WEIGHT_BESIDE = 16 * 1024;

function codecOf(first: Uint8Array | undefined): Codec {
  return codecs[(first?.[0] ?? 0) % codecs.length] as Codec;
}

/** A refusal is a DecodeError that says where; anything else is thrown on. */
function refusal(error: unknown): string {
  if (!(error instanceof DecodeError)) throw error;
  must(error.path !== "", "a refusal without a place");
  return `no ${error.message.slice(0, 48).replace(/\d+/g, "#")}`;
}

function checkDecoded(codec: Codec, value: unknown, inputBytes: number): string {
  const weight = weigh(value);
  must(weight <= inputBytes * WEIGHT_PER_BYTE + WEIGHT_BESIDE, `${inputBytes} bytes became a weight of ${weight}`);
  const written = codec.encode(value);
  const again = codec.decode(written);
  deepStrictEqual(again, value, "written and read again it differs");
  return checkJson(codec, value);
}

/** What has no JSON (a time outside its range, an Any of an unknown type) is refused as the caller's mistake. */
function checkJson(codec: Codec, value: unknown): string {
  let text: string;
  try {
    text = codec.toJson(value);
  } catch (error) {
    must(error instanceof TypeError, `toJson threw ${String(error)}`);
    return "no JSON";
  }
  const back = codec.fromJson(text);
  must(codec.toJson(back) === text, "written as JSON and read again it differs");
  return `${Math.min(text.length, 64)}`;
}

function wire([which, bytes = new Uint8Array(0)]: Input): string {
  const codec = codecOf(which);
  let value: unknown;
  try {
    value = codec.decode(bytes);
  } catch (error) {
    return refusal(error);
  }
  return `ok ${codec.typeName} ${checkDecoded(codec, value, bytes.length)}`;
}

function json([which, text]: Input): string {
  const codec = codecOf(which);
  const given = textOf(text);
  let value: unknown;
  try {
    value = codec.fromJson(given);
  } catch (error) {
    return refusal(error);
  }
  return `ok ${codec.typeName} ${checkDecoded(codec, value, given.length)}`;
}

const VALUES: readonly unknown[] = [
  {},
  { seconds: 5n, nanos: 7 },
  { typeUrl: "type.googleapis.com/google.protobuf.Duration", value: new Uint8Array([8, 5]) },
];
const JSON_VALUES: readonly unknown[] = [
  {},
  { amount: { cents: "500", currency: "EUR" }, orderId: "o1", method: "CARD" },
  { int32: 5, int64: "-7", text: "a", bytes: "AAEC", flag: true, double: "NaN", nested: { text: "b" } },
  {
    timestamp: "2030-01-01T00:00:00.5Z",
    duration: "1.5s",
    mask: "a.b,c",
    any: { "@type": "x/google.protobuf.Duration", value: "5s" },
  },
  { struct: { a: [1, null, { b: "c" }] }, value: [true], list: ["x"], wrapped: "5" },
];

/** Valid bytes of every type: what its JSON says, where the type takes it. */
function wireSeeds(): readonly Input[] {
  return codecs.flatMap((codec, index) =>
    [...VALUES, ...JSON_VALUES].flatMap((value): Input[] => {
      try {
        return [[Uint8Array.of(index), codec.encode(value)]];
      } catch {
        return [];
      }
    }),
  );
}

/** Names of fields as JSON has them, learnt from what an empty message is written as, and from refusals. */
const FIELD_WORDS = ["seconds", "nanos", "paths", "typeUrl", "value", "@type", "fields", "values", "children", "items"];

function jsonSeeds(): readonly Input[] {
  return codecs.flatMap((codec, index) => {
    const full = codec.toJson(codec.decode(new Uint8Array(0)));
    return [full, ...JSON_VALUES.map((value) => JSON.stringify(value))].map(
      (text): Input => [Uint8Array.of(index), bytesOf(text)],
    );
  });
}

function changedJson(seeds: readonly Input[]): (random: Random) => Input {
  return (random) => {
    const [which, text] = seeds[Math.floor(random() * seeds.length)] as Input;
    const changed = mutateTree(JSON.parse(textOf(text)), random, [
      ...FIELD_WORDS,
      "AAEC",
      "1.5s",
      "2030-01-01T00:00:00Z",
      "a.b",
    ]);
    return [which as Uint8Array, bytesOf(JSON.stringify(changed) ?? "null")];
  };
}

export const contractWire: FuzzTarget = {
  name: "contract-wire",
  seeds: wireSeeds(),
  words: [
    "\x08\x01",
    "\x0a\x00",
    "\x0a\x02\x0a\x00",
    "\x12\x04\x0a\x00\x12\x00",
    "\xff".repeat(9),
    "\x0b\x0c",
    "\x7a\x00",
    "\x82\x01\x00",
  ],
  generator: () => (random) => [Uint8Array.of(Math.floor(random() * codecs.length)), wireFields(random, 60)],
  maxBytes: 64 * 1024,
  shortInputs: 6_000,
  open: () => ({ run: wire }),
};

export const contractJson: FuzzTarget = {
  name: "contract-json",
  seeds: jsonSeeds(),
  words: ['{"', '":', "null", "[", "]", "{}", "1e400", "-0", '"NaN"', '"\\ud800"', '"__proto__":{}', ...FIELD_WORDS],
  generator: () => changedJson(jsonSeeds()),
  maxBytes: 64 * 1024,
  shortInputs: 6_000,
  open: () => ({ run: json }),
};
