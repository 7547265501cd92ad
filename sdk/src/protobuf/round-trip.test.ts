// Properties of the codecs over generated values of every kind of field, with protobufjs's own ProtoJSON (which passes
// the protobuf conformance suite) as the second opinion.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import protobuf from "protobufjs";
import protojson from "protobufjs/ext/protojson.js";
import type { Contract, MessageCodec } from "./contract.ts";
import { DecodeError } from "./decode-error.ts";
import { contractFromDescriptor, describe } from "./descriptor.ts";
import { link } from "./link.ts";
import { servicesOf } from "./load-contract.ts";
import { createCodecs } from "./message-codec.ts";
import {
  createPlanner,
  type FieldPlan,
  type MessagePlan,
  plainName,
  type ScalarKind,
  wrappedField,
} from "./message-plan.ts";
import { setOwn } from "./own-property.ts";
import { parseFiles } from "./parse-files.ts";

const folder = fileURLToPath(new URL("./testdata/", import.meta.url));
const SEED = 20260131;

type Value = Record<string, unknown>;

const scalars: Record<ScalarKind, fc.Arbitrary<unknown>> = {
  double: fc.double().map(plusZero),
  float: fc.float().map(plusZero),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  bool: fc.boolean(),
  string: fc.string({ unit: "grapheme" }),
  bytes: fc.uint8Array({ maxLength: 20 }),
};

/** The sign of zero, which protobufjs does not write as JSON, has a test of its own. */
function plusZero(value: number): number {
  return value === 0 ? 0 : value;
}

/** JSON values as Value, Struct and ListValue carry them. */
const json: fc.Arbitrary<unknown> = fc
  .jsonValue({ maxDepth: 3, depthSize: "small" })
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  .filter((value) => !JSON.stringify(value).includes("\\ud"));

/** Values of a message as `decode` yields them. */
function messages(plan: MessagePlan, depth: number): fc.Arbitrary<unknown> {
  switch (plan.wellKnown) {
    case "timestamp":
      return fc.record(
        { seconds: fc.bigInt({ min: -62135596800n, max: 253402300799n }), nanos: fc.nat(999_999_999) },
        { noNullPrototype: true },
      );
    case "duration":
      return fc
        .record({
          seconds: fc.bigInt({ min: 0n, max: 315576000000n }),
          nanos: fc.nat(999_999_999),
          minus: fc.boolean(),
        })
        .map(({ seconds, nanos, minus }) => (minus ? { seconds: -seconds, nanos: 0 - nanos } : { seconds, nanos }));
    case "field-mask":
      return fc.array(fc.stringMatching(/^[a-z]{1,4}(_[a-z]{1,4})?(\.[a-z]{1,4})?$/)).map((paths) => ({ paths }));
    case "struct":
      return fc.dictionary(fc.string(), json).map((value) => ownCopy(value));
    case "list-value":
      return fc.array(json);
    case "value":
      return json;
    case "wrapper":
      return scalars[wrappedField(plan).scalar];
    case "any":
      return fc.constant({ typeUrl: "type.googleapis.com/google.protobuf.Duration", value: new Uint8Array([8, 5]) });
    default:
      return plainMessages(plan, depth);
  }
}

function plainMessages(plan: MessagePlan, depth: number): fc.Arbitrary<unknown> {
  const fields = plan.fields.filter(
    (field) =>
      depth > 0 || field.required || field.value.kind !== "message" || field.value.plan.wellKnown !== undefined,
  );
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of fields) model[field.name] = fc.option(fieldValues(field, depth), { nil: undefined });
  const picks = fc.array(fc.nat(20), { minLength: plan.oneofs.length, maxLength: plan.oneofs.length });
  return fc.tuple(fc.record(model), picks).map(([given, pick]) => complete(plan, given, pick));
}

/** Fills what `decode` fills, and keeps one member of each oneof. */
function complete(plan: MessagePlan, given: Value, pick: readonly number[]): Value {
  const value: Value = {};
  for (const field of plan.fields) {
    const members = plan.fields.filter(({ oneof }) => oneof === field.oneof);
    const chosen = field.oneof === undefined || members[(pick[field.oneof] ?? 0) % members.length] === field;
    const item = chosen && Object.hasOwn(given, field.name) ? given[field.name] : undefined;
    if (item !== undefined) value[field.name] = item;
    else if (field.shape === "map") value[field.name] = {};
    else if (field.shape === "repeated") value[field.name] = [];
    else if (Object.hasOwn(plan.defaults, field.name)) value[field.name] = plan.defaults[field.name];
    else if (field.required) value[field.name] = field.value.kind === "scalar" ? "" : {};
  }
  return value;
}

function fieldValues(field: FieldPlan, depth: number): fc.Arbitrary<unknown> {
  const { value } = field;
  const one =
    value.kind === "scalar"
      ? scalars[value.scalar]
      : value.kind === "message"
        ? messages(value.plan, depth - 1)
        : fc.constantFrom(...value.plan.nameOf.values(), ...(value.plan.closed || isNull(field) ? [] : [12345, -7]));
  if (field.shape === "repeated") return fc.array(one, { maxLength: 4 });
  if (field.shape === "single") return one;
  const keys = scalars[field.key as ScalarKind].map(String);
  return fc.array(fc.tuple(keys, one), { maxLength: 4 }).map((entries) => ownCopy(Object.fromEntries(entries)));
}

function isNull(field: FieldPlan): boolean {
  return field.value.kind === "enum" && field.value.plan.typeName === "google.protobuf.NullValue";
}

/** fast-check makes objects without a prototype, `decode` ordinary ones. */
function ownCopy(value: Value): Value {
  const copy: Value = {};
  for (const [key, item] of Object.entries(value)) setOwn(copy, key, item);
  return copy;
}

const PROTOBUFJS = path.dirname(createRequire(import.meta.url).resolve("protobufjs/package.json"));

/** The same file, loaded by protobufjs alone. */
function reference(file: string): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    if (target.startsWith(folder)) return target;
    return path.join(target.startsWith("google/") ? PROTOBUFJS : folder, target);
  };
  return root.loadSync(path.join(folder, file));
}

interface Subject {
  readonly plan: MessagePlan;
  readonly codec: MessageCodec;
  readonly embedded: MessageCodec;
  /** As protobufjs alone has it; undefined for a file that it cannot load, or loads otherwise. */
  readonly type: protobuf.Type | undefined;
}

async function subjects(file: string, names: readonly string[]): Promise<readonly Subject[]> {
  const parsed = await parseFiles([folder + file], [folder]);
  link(parsed);
  const planner = createPlanner(parsed.root);
  const codecs = createCodecs(parsed.root);
  const services = servicesOf(parsed.root);
  const service = services[0] as protobuf.Service;
  const types = names.map((name) => parsed.root.lookupType(name));
  const descriptor = describe(parsed.root, services, types);
  const contract: Contract = contractFromDescriptor(descriptor, { service: plainName(service) });
  const root = OURS_ALONE.has(file) ? undefined : reference(file);
  return types.map((type) => ({
    plan: planner.message(type),
    codec: codecs.of(type),
    embedded: contract.codec(plainName(type)) as MessageCodec,
    type: root?.lookupType(plainName(type)),
  }));
}

/** Fields that protobufjs cannot tell apart, and an import that it does not find. */
const OURS_ALONE = new Set(["clash.proto", "edition.proto"]);
const files: readonly { readonly file: string; readonly names: readonly string[] }[] = [
  { file: "everything.proto", names: ["All", "WellKnown", "Words", "Tree"].map((name) => `test.everything.${name}`) },
  { file: "clash.proto", names: ["test.clash.Clash"] },
  { file: "legacy.proto", names: ["test.legacy.Old"] },
  { file: "edition.proto", names: ["test.edition.Types.Message"] },
];
const all = (await Promise.all(files.map(({ file, names }) => subjects(file, names)))).flat();

for (const { plan, codec, embedded, type } of all) {
  const values = messages(plan, 2);
  const check = (property: (value: unknown) => void): void =>
    fc.assert(fc.property(values, property), { seed: SEED, numRuns: 150 });

  test(`${plan.typeName}: what is encoded is decoded`, () => {
    check((value) => assert.deepEqual(codec.decode(codec.encode(value)), value));
  });

  test(`${plan.typeName}: what is written as JSON is read`, () => {
    check((value) => assert.deepEqual(codec.fromJson(codec.toJson(value)), value));
  });

  test(`${plan.typeName}: the embedded descriptor gives the same codec`, () => {
    check((value) => {
      assert.deepEqual(Buffer.from(embedded.encode(value)), Buffer.from(codec.encode(value)));
      assert.equal(embedded.toJson(value), codec.toJson(value));
    });
  });

  test(`${plan.typeName}: protobufjs agrees on bytes and JSON`, {
    skip: type === undefined ? "protobufjs alone cannot load the file, or loads it otherwise" : false,
  }, () => {
    if (type === undefined) return;
    check((value) => {
      const bytes = codec.encode(value);
      const text = codec.toJson(value);
      const theirs: unknown = protojson.toJson(type, type.decode(bytes));
      assert.deepEqual(sorted(JSON.parse(text)), sorted(JSON.parse(JSON.stringify(theirs))));
      const back = type.encode(protojson.fromJsonString(type, text)).finish();
      assert.deepEqual(codec.decode(back), value);
    });
  });

  test(`${plan.typeName}: random and damaged bytes are decoded or refused`, () => {
    const damaged = fc.tuple(values, fc.nat(), fc.nat(255), fc.nat(20)).map(([value, at, byte, cut]) => {
      const bytes = Uint8Array.from(codec.encode(value));
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return cut === 0 ? bytes.slice(0, at % (bytes.length + 1)) : bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        let value: unknown;
        try {
          value = codec.decode(bytes);
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
          return;
        }
        assert.deepEqual(codec.decode(codec.encode(value)), value);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test(`${plan.typeName}: random JSON is read or refused`, () => {
    const names = [...plan.byJsonName.keys()];
    const members = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), fc.jsonValue());
    fc.assert(
      fc.property(
        fc.oneof(
          members.map((value) => JSON.stringify(value)),
          fc.string(),
        ),
        (text) => {
          try {
            codec.encode(codec.fromJson(text));
          } catch (error) {
            assert.ok(error instanceof DecodeError, String(error));
          }
        },
      ),
      { seed: SEED, numRuns: 300 },
    );
  });
}

/** Key order aside. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .map(([key, item]) => [key, sorted(item)])
    .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1));
}
