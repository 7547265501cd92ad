import assert from "node:assert/strict";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { MessageCodec } from "./contract.ts";
import { DecodeError } from "./decode-error.ts";
import { loadContract } from "./load-contract.ts";

const folder = fileURLToPath(new URL("./testdata/", import.meta.url));
const codecs: Record<string, MessageCodec> = {};
const get = (name: string): MessageCodec => codecs[name] as MessageCodec;

before(async () => {
  const everything = await loadContract(`${folder}everything.proto`);
  for (const name of ["All", "WellKnown", "Words", "Tree", "Object"]) {
    codecs[name] = everything.codec(`test.everything.${name}`) as MessageCodec;
  }
  codecs.Clash = (await loadContract(`${folder}clash.proto`)).codec("test.clash.Clash") as MessageCodec;
  codecs.Old = (await loadContract(`${folder}legacy.proto`)).codec("test.legacy.Old") as MessageCodec;
  codecs.Modern = (await loadContract(`${folder}edition.proto`)).codec("test.edition.Types.Message") as MessageCodec;
});

const through = (name: string, value: unknown): Record<string, unknown> =>
  get(name).decode(get(name).encode(value)) as Record<string, unknown>;

test("implicit fields, lists and maps are always there; the rest only when set", () => {
  const empty = through("All", {});
  assert.equal(empty.anInt64, 0n);
  assert.equal(empty.aString, "");
  assert.equal(empty.color, "COLOR_UNSPECIFIED");
  assert.deepEqual(empty.someBytes, new Uint8Array(0));
  assert.deepEqual([empty.ints, empty.byString], [[], {}]);
  for (const name of ["maybeInt64", "inner", "choiceString"]) assert.ok(!(name in empty), name);
  assert.equal(through("All", { maybeInt64: 0, maybeString: "" }).maybeInt64, 0n);
});

test("64-bit integers are bigint, and a safe number is taken for one", () => {
  const value = through("All", { anInt64: -5, aUint64: 2n ** 64n - 1n, aSint64: -(2n ** 63n), longs: [1n, -1] });
  assert.deepEqual(
    [value.anInt64, value.aUint64, value.aSint64, value.longs],
    [-5n, 2n ** 64n - 1n, -(2n ** 63n), [1n, -1n]],
  );
});

test("map keys are what the .proto file says, whatever they look like", () => {
  // 3761688987579986996 has the bytes of the text "44444444".
  const keys = {
    "3761688987579986996": new Uint8Array([1]),
    "-1": new Uint8Array([2]),
    "12345678": new Uint8Array([3]),
  };
  assert.deepEqual(through("All", { byInt64: keys }).byInt64, keys);
  const strange = JSON.parse('{"__proto__":"a","constructor":"b","":"c"}') as object;
  const back = through("All", { byString: strange }).byString as object;
  assert.deepEqual(Object.entries(back).sort(), Object.entries(strange).sort());
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
  assert.deepEqual(through("All", { byBool: { true: 1n, false: -1n } }).byBool, { true: 1n, false: -1n });
});

test("enums go by name, by number, and an unknown number survives an open enum", () => {
  assert.equal(through("All", { color: "COLOR_CRIMSON" }).color, "COLOR_RED");
  assert.equal(through("All", { color: 77 }).color, 77);
  assert.equal(through("All", { inner: { depth: "DEEP" } }).inner && "DEEP", "DEEP");
  assert.throws(
    () => get("Old").encode({ name: "x", mood: 9 }),
    /test\.legacy\.Old\.mood: test\.legacy\.Mood has no value 9/,
  );
});

test("bytes are copies both ways", () => {
  const bytes = get("All").encode({ someBytes: new Uint8Array([1, 2, 3]) });
  const value = get("All").decode(bytes) as { someBytes: Uint8Array };
  bytes.fill(0);
  assert.deepEqual(value.someBytes, new Uint8Array([1, 2, 3]));
  assert.equal(value.someBytes.constructor, Uint8Array);
});

test("the last member of a oneof on the wire wins", () => {
  const first = get("All").encode({ choiceString: "a" });
  const second = get("All").encode({ choiceInt64: 2n });
  const both = get("All").decode(new Uint8Array([...first, ...second])) as object;
  assert.ok(!("choiceString" in both));
  assert.equal((both as { choiceInt64: bigint }).choiceInt64, 2n);
});

test("names that mean something in JavaScript are names like any other", () => {
  const words = {
    constructor: "a",
    toString: "b",
    hasOwnProperty: "c",
    default: "d",
    function: "e",
    prototype: "f",
    // biome-ignore lint/suspicious/noThenProperty: a field may well be called so.
    then: "g",
    class: { new: "h" },
    delete: { in: ["i"] },
    arguments: {},
  };
  assert.deepEqual({ ...through("Words", words) }, words);
  assert.deepEqual({ ...(get("Words").fromJson(get("Words").toJson(words)) as object) }, words);
  assert.ok(!Object.hasOwn(through("Words", {}), "hasOwnProperty"));
});

test("fields with the same name in JavaScript keep the names of the .proto file", () => {
  const value = { foo_bar: "a", fooBar: "b", one2Three: "c", Under: "d" };
  assert.deepEqual(through("Clash", value), value);
  assert.deepEqual(JSON.parse(get("Clash").toJson(value)), value);
  assert.deepEqual(get("Clash").fromJson(get("Clash").toJson(value)), value);
});

test("proto2: required, defaults, groups, packed, extensions", () => {
  const value = {
    name: "x",
    loose: [1, 2],
    tight: [3],
    result: { url: "u", part: { size: 7 } },
    item: [{ sku: "s" }],
    moods: ["BAD"],
    right: "GOOD",
    "[test.legacy.nick_name]": "nick",
    "[test.legacy.scores]": [-1n, 2n],
    "[test.legacy.Holder.holder]": { value: "h" },
  };
  assert.deepEqual(through("Old", value), value);
  assert.deepEqual(get("Old").fromJson(get("Old").toJson(value)), value);
  assert.throws(() => get("Old").encode({}), /^TypeError: test\.legacy\.Old\.name: is required$/);
  assert.throws(() => get("Old").encode({ name: "x", item: [{}] }), /Old\.item\[0\]\.sku: is required/);
  assert.throws(() => get("Old").decode(new Uint8Array(0)), DecodeError);
  assert.throws(() => get("Old").fromJson("{}"), /Old\.name: is required/);
  // A value that a closed enum does not have is an unknown field.
  assert.ok(!("mood" in (get("Old").decode(new Uint8Array([0x0a, 1, 0x61, 0x20, 9])) as object)));
});

test("editions: presence, delimited and expanded fields, closed enums", () => {
  const value = {
    implicit: 0,
    explicit: 0,
    delimited: { implicit: 1, expanded: [], open: "ZERO", raw: "" },
    expanded: [1, 2],
    closed: "TWO",
    open: "ZERO",
    raw: "r",
  };
  assert.deepEqual(through("Modern", value), value);
  const bytes = get("Modern").encode({ delimited: {}, expanded: [1, 2] });
  assert.deepEqual([...bytes], [0x1b, 0x1c, 0x20, 1, 0x20, 2]);
});

test("well-known types have their JavaScript forms", () => {
  const at = new Date(Date.UTC(2026, 0, 31, 12, 0, 0, 5));
  const value = through("WellKnown", {
    at,
    span: { seconds: -1, nanos: -5 },
    any: { typeUrl: "type.googleapis.com/test.everything.Object", value: get("Object").encode({ name: "x" }) },
    struct: { a: [1, null, { b: "c" }], d: true },
    value: null,
    list: [1, [2]],
    mask: { paths: ["a.b_c"] },
    empty: {},
    anInt64: 5n,
    aString: "",
    values: [null, 1],
    counts: { a: 1n },
  });
  assert.deepEqual(value.at, { seconds: BigInt(Math.floor(at.getTime() / 1000)), nanos: 5_000_000 });
  assert.deepEqual(value.span, { seconds: -1n, nanos: -5 });
  assert.deepEqual(value.struct, { a: [1, null, { b: "c" }], d: true });
  assert.deepEqual([value.value, value.list, value.values], [null, [1, [2]], [null, 1]]);
  assert.deepEqual([value.anInt64, value.aString, "aBool" in value], [5n, "", false]);
  assert.deepEqual([value.mask, value.empty, value.counts], [{ paths: ["a.b_c"] }, {}, { a: 1n }]);
});

const cyclic: { left?: unknown } = {};
cyclic.left = cyclic;
const refused: readonly { name?: string; value: unknown; says: RegExp }[] = [
  {
    value: { inners: [{}, { all: { ints: [1.5] } }] },
    says: /^TypeError: test\.everything\.All\.inners\[1\]\.all\.ints\[0\]: expected an integer, got the number 1\.5$/,
  },
  { value: { an_int32: 1 }, says: /All\.an_int32: .*no such field; did you mean "anInt32"\?/ },
  { value: { anInt32: 2 ** 31 }, says: /out of range/ },
  { value: { aUint32: -1 }, says: /out of range/ },
  { value: { anInt64: 2 ** 53 }, says: /give a bigint/ },
  { value: { anInt64: 2n ** 63n }, says: /out of range/ },
  { value: { aUint64: -1n }, says: /out of range/ },
  { value: { aFloat: 1e39 }, says: /32-bit float/ },
  { value: { aString: 5 }, says: /expected a string, got the number 5/ },
  { value: { aString: "\ud800" }, says: /surrogate/ },
  { value: { someBytes: [1] }, says: /expected a Uint8Array, got an array/ },
  { value: { aBool: 1 }, says: /expected a boolean/ },
  { value: { color: "RED" }, says: /Color has no value of this name/ },
  { value: { inner: new Date() }, says: /expected an object, got a Date/ },
  { value: { inner: [] }, says: /expected an object, got an array/ },
  { value: { ints: { 0: 1 } }, says: /expected an array/ },
  { value: { byInt32: { x: {} } }, says: /All\.byInt32\["x"\]: expected a decimal integer as a map key/ },
  { value: { byInt32: { a: 1 } }, says: /byInt32\["a"\]/ },
  { value: { byBool: { yes: 1n } }, says: /true or false/ },
  {
    value: { choiceString: "a", choiceBool: false },
    says: /of the oneof choice only one may be set, but choiceString and choiceBool are/,
  },
  { value: "x", says: /^TypeError: test\.everything\.All: expected an object/ },
  { name: "Tree", value: cyclic, says: /nested more than 100 deep/ },
  { name: "WellKnown", value: { struct: { a: 1n } }, says: /struct\["a"\]: expected a JSON value, got the bigint 1/ },
  { name: "WellKnown", value: { at: new Date(Number.NaN) }, says: /at: the Date is invalid/ },
];
for (const { name = "All", value, says } of refused) {
  test(`encode and toJson refuse: ${says.source.slice(0, 60)}`, () => {
    assert.throws(
      () => get(name).encode(value),
      (error) => (error instanceof TypeError && says.test(String(error))) || assert.fail(String(error)),
    );
    assert.throws(() => get(name).toJson(value), says);
  });
}

test("hostile bytes meet one error and a bound", () => {
  const deep = Buffer.concat(Array.from({ length: 200 }, (_, i) => Buffer.from([0x0a, Math.min(2 * (199 - i), 127)])));
  assert.throws(() => get("Tree").decode(deep), DecodeError);
  let nested: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < 150; i++) nested = Uint8Array.from([0x0a, ...varint(nested.length), ...nested]);
  assert.throws(() => get("Tree").decode(nested), /test\.everything\.Tree: max depth exceeded/);
  const many = new Uint8Array(2 * 600_000);
  for (let i = 0; i < many.length; i += 2) many[i] = 0x12;
  assert.throws(() => get("Tree").decode(many), /more than 500000 messages/);
  assert.throws(() => get("All").decode(new Uint8Array([0x72, 1, 0xff])), DecodeError);
  assert.throws(() => get("All").decode("text" as unknown as Uint8Array), DecodeError);
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
