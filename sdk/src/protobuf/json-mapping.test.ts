// The table of the protobuf JSON mapping, row by row: what is written, what is read, what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { MessageCodec } from "./contract.ts";
import { DecodeError } from "./decode-error.ts";
import { loadContract } from "./load-contract.ts";

const folder = fileURLToPath(new URL("./testdata/", import.meta.url));
const { codec } = await loadContract(`${folder}everything.proto`);
const all = codec("test.everything.All") as MessageCodec;
const known = codec("test.everything.WellKnown") as MessageCodec;

const written: readonly { of?: MessageCodec; value: object; json: string }[] = [
  { value: {}, json: "{}" },
  { value: { anInt64: -5n, aUint64: 2n ** 64n - 1n }, json: '{"anInt64":"-5","aUint64":"18446744073709551615"}' },
  { value: { anInt32: 0, aString: "", ints: [], byString: {} }, json: "{}" },
  { value: { maybeInt64: 0n, maybeString: "" }, json: '{"maybeInt64":"0","maybeString":""}' },
  { value: { choiceBool: false }, json: '{"choiceBool":false}' },
  { value: { aDouble: Number.NaN, aFloat: -Infinity }, json: '{"aDouble":"NaN","aFloat":"-Infinity"}' },
  { value: { someBytes: new Uint8Array([255, 254]) }, json: '{"someBytes":"//4="}' },
  { value: { color: "COLOR_CRIMSON", colors: [2, 9] }, json: '{"color":"COLOR_RED","colors":["COLOR_BLUE",9]}' },
  {
    value: { byInt64: { "-1": new Uint8Array() }, byBool: { true: 1n } },
    json: '{"byInt64":{"-1":""},"byBool":{"true":"1"}}',
  },
  { value: { custom: "x" }, json: '{"@custom":"x"}' },
  { of: known, value: { at: new Date(0) }, json: '{"at":"1970-01-01T00:00:00Z"}' },
  { of: known, value: { at: { seconds: -1, nanos: 10_000 } }, json: '{"at":"1969-12-31T23:59:59.000010Z"}' },
  { of: known, value: { span: { seconds: 1, nanos: 500_000_000 } }, json: '{"span":"1.500s"}' },
  { of: known, value: { span: { seconds: 0, nanos: -1 } }, json: '{"span":"-0.000000001s"}' },
  { of: known, value: { mask: { paths: ["a.b_c", "d"] } }, json: '{"mask":"a.bC,d"}' },
  { of: known, value: { value: null, nothing: "NULL_VALUE" }, json: '{"value":null}' },
  { of: known, value: { struct: { a: [null] }, list: [] }, json: '{"struct":{"a":[null]},"list":[]}' },
  { of: known, value: { anInt64: 0n, aBool: false, aString: "" }, json: '{"anInt64":"0","aBool":false,"aString":""}' },
  { of: known, value: { empty: {}, any: {} }, json: '{"empty":{},"any":{}}' },
];
for (const { of = all, value, json } of written) {
  test(`writes ${json}`, () => {
    assert.equal(of.toJson(value), json);
    assert.equal(of.toJson(of.fromJson(json)), json);
  });
}

const read: readonly { of?: MessageCodec; json: string; field: string; value: unknown }[] = [
  { json: '{"an_int32": 5}', field: "anInt32", value: 5 },
  { json: '{"custom": "x"}', field: "custom", value: "x" },
  { json: '{"anInt32": "5"}', field: "anInt32", value: 5 },
  { json: '{"anInt32": 1e2}', field: "anInt32", value: 100 },
  { json: '{"anInt32": "1.0"}', field: "anInt32", value: 1 },
  { json: '{"anInt64": 5}', field: "anInt64", value: 5n },
  { json: '{"anInt64": "-9223372036854775808"}', field: "anInt64", value: -(2n ** 63n) },
  { json: '{"aDouble": "1.5e3"}', field: "aDouble", value: 1500 },
  { json: '{"aDouble": "-0"}', field: "aDouble", value: -0 },
  { json: '{"aFloat": "Infinity"}', field: "aFloat", value: Infinity },
  { json: '{"color": "COLOR_CRIMSON"}', field: "color", value: "COLOR_RED" },
  { json: '{"color": 1}', field: "color", value: "COLOR_RED" },
  { json: '{"color": 99}', field: "color", value: 99 },
  { json: '{"aString": null}', field: "aString", value: "" },
  { json: '{"ints": null}', field: "ints", value: [] },
  { json: '{"maybeString": null}', field: "maybeString", value: undefined },
  { json: '{"choiceString": null, "choiceBool": true}', field: "choiceBool", value: true },
  { json: '{"someBytes": "__-_"}', field: "someBytes", value: new Uint8Array([255, 255, 191]) },
  { json: '{"someBytes": "AQI"}', field: "someBytes", value: new Uint8Array([1, 2]) },
  { json: '{"byString": {"__proto__": "x"}}', field: "byString", value: JSON.parse('{"__proto__": "x"}') },
  { of: known, json: '{"at": "2026-01-31T12:00:00+02:00"}', field: "at", value: { seconds: 1769853600n, nanos: 0 } },
  { of: known, json: '{"at": "0001-01-01T00:00:00Z"}', field: "at", value: { seconds: -62135596800n, nanos: 0 } },
  { of: known, json: '{"span": "-1.5s"}', field: "span", value: { seconds: -1n, nanos: -500_000_000 } },
  { of: known, json: '{"mask": "fooBar,a.bC"}', field: "mask", value: { paths: ["foo_bar", "a.b_c"] } },
  { of: known, json: '{"mask": ""}', field: "mask", value: { paths: [] } },
  { of: known, json: '{"nothing": null}', field: "nothing", value: "NULL_VALUE" },
  { of: known, json: '{"value": null}', field: "value", value: null },
  { of: known, json: '{"value": {"a": [1]}}', field: "value", value: { a: [1] } },
  { of: known, json: '{"values": [null, 1]}', field: "values", value: [null, 1] },
  { of: known, json: '{"anInt64": "7"}', field: "anInt64", value: 7n },
  { of: known, json: '{"aString": null}', field: "aString", value: undefined },
];
for (const { of = all, json, field, value } of read) {
  test(`reads ${json}`, () => {
    const message = of.fromJson(Buffer.from(json)) as Record<string, unknown>;
    assert.deepEqual(Object.hasOwn(message, field) ? message[field] : undefined, value);
  });
}

const refused: readonly { of?: MessageCodec; json: string; says: RegExp }[] = [
  { json: '{"nope": 1}', says: /All\.nope: test\.everything\.All has no such field/ },
  { json: '{"inner": {"all": {"colour": 1}}}', says: /All\.inner\.all\.colour: .*did you mean "color"/ },
  { json: '{"anInt32": 1, "an_int32": 2}', says: /given twice/ },
  { json: '{"anInt32": 1, "anInt32": 2}', says: /"anInt32" stands twice/ },
  { json: '{"anInt32": 1, "an\\u0049nt32": 2}', says: /stands twice/ },
  { json: '{"choiceString": "", "choiceBool": true}', says: /oneof choice/ },
  { json: '{"anInt32": 1.5}', says: /anInt32: expected an integer/ },
  { json: '{"anInt32": " 1"}', says: /expected an integer/ },
  { json: '{"anInt32": ""}', says: /expected an integer/ },
  { json: '{"anInt32": 2147483648}', says: /out of range/ },
  { json: '{"anInt64": "9223372036854775808"}', says: /out of range/ },
  { json: '{"anInt64": 9007199254740993}', says: /write it as a string/ },
  { json: '{"aUint64": "-1"}', says: /out of range/ },
  { json: '{"aDouble": "1e999"}', says: /expected a number/ },
  { json: '{"aFloat": 1e39}', says: /32-bit float/ },
  { json: '{"aBool": "true"}', says: /expected a boolean/ },
  { json: '{"aString": 5}', says: /expected a string/ },
  { json: '{"aString": "\\ud800"}', says: /surrogate/ },
  { json: '{"someBytes": "a*"}', says: /base64/ },
  { json: '{"someBytes": "AQIDA"}', says: /base64/ },
  { json: '{"color": "PINK"}', says: /Color has no value of this name/ },
  { json: '{"color": 1.5}', says: /expected an integer/ },
  { json: '{"ints": [null]}', says: /ints\[0\]/ },
  { json: '{"ints": 1}', says: /expected an array/ },
  { json: '{"byString": {"a": null}}', says: /byString\["a"\]/ },
  { json: '{"byInt32": {"01": {}}}', says: /decimal integer as a map key/ },
  { json: '{"byBool": {"1": "1"}}', says: /true or false/ },
  { json: '{"inner": []}', says: /expected an object, got an array/ },
  { json: "[]", says: /^DecodeError: test\.everything\.All: expected an object/ },
  { json: "null", says: /expected an object, got null/ },
  { json: "{", says: /JSON/ },
  { of: known, json: '{"at": "2026-02-30T00:00:00Z"}', says: /no instant of the calendar/ },
  { of: known, json: '{"at": "2026-01-31"}', says: /expected a time/ },
  { of: known, json: '{"at": "0001-01-01T00:00:00+01:00"}', says: /outside the years/ },
  { of: known, json: '{"span": "1.5"}', says: /expected a duration/ },
  { of: known, json: '{"span": "315576000001s"}', says: /out of range/ },
  { of: known, json: '{"mask": "a_b"}', says: /lowerCamelCase/ },
  { of: known, json: '{"any": {"@type": "x/no.Such"}}', says: /any: the type "no\.Such" of this Any/ },
  { of: known, json: '{"any": {"a": 1}}', says: /@type/ },
  { of: known, json: `{"value": ${"[".repeat(200)}${"]".repeat(200)}}`, says: /nested more than 100 deep/ },
];
for (const { of = all, json, says } of refused) {
  test(`refuses ${json.slice(0, 60)}`, () => {
    assert.throws(
      () => of.fromJson(json),
      (error) => (error instanceof DecodeError && says.test(String(error))) || assert.fail(String(error)),
    );
  });
}

test("an Any shows its message, and those with a form of their own under value", () => {
  const object = codec("test.everything.Object") as MessageCodec;
  const any = {
    typeUrl: "type.googleapis.com/test.everything.Object",
    value: new Uint8Array(object.encode({ name: "x" })),
  };
  const json = known.toJson({ any });
  assert.equal(json, '{"any":{"@type":"type.googleapis.com/test.everything.Object","name":"x"}}');
  assert.deepEqual((known.fromJson(json) as { any: unknown }).any, any);
  const duration = '{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}';
  assert.equal(known.toJson(known.fromJson(duration)), duration);
  assert.throws(
    () => known.toJson({ any: { typeUrl: "x/test.everything.Object", value: new Uint8Array([255]) } }),
    /^TypeError: test\.everything\.WellKnown\.any: the bytes are no test\.everything\.Object/,
  );
});

test("the sign of a zero survives", () => {
  assert.ok(Object.is((all.decode(all.encode({ aDouble: -0 })) as { aDouble: number }).aDouble, -0));
  assert.ok(Object.is((all.fromJson(all.toJson({ aDouble: -0 })) as { aDouble: number }).aDouble, -0));
});

test("times outside the mapping have no JSON", () => {
  assert.throws(() => known.toJson({ at: { seconds: 253402300800n } }), /WellKnown\.at: .*outside the years/);
  assert.throws(() => known.toJson({ span: { seconds: 1, nanos: -1 } }), /same sign/);
  assert.throws(() => known.toJson({ mask: { paths: ["camelCase"] } }), /lower_snake_case/);
});
