// The codec of one message type: protobufjs's generated encoder and decoder between compiled conversions.
import { Buffer } from "node:buffer";
import protobuf from "protobufjs/light.js";
import type { MessageCodec } from "./contract.ts";
import { DecodeError } from "./decode-error.ts";
import { FieldProblem } from "./field-problem.ts";
import { createJsonReaders } from "./from-json.ts";
import { messageReader } from "./from-wire.ts";
import { checkUniqueKeys } from "./json-keys.ts";
import { MAX_DECODED_MESSAGES } from "./limits.ts";
import { createPlanner, type MessagePlan, type Planner } from "./message-plan.ts";
import { createJsonWriters } from "./to-json.ts";
import { wireWriter } from "./to-wire.ts";

/** The codecs of all messages of one Root, each made once. */
export interface Codecs {
  of(type: protobuf.Type): MessageCodec;
  /** By full name without a leading dot; undefined if there is no such message. */
  named(typeName: string): MessageCodec | undefined;
}

export function createCodecs(root: protobuf.Root): Codecs {
  const planner = createPlanner(root);
  const build = codecBuilder(planner);
  const made = new Map<MessagePlan, MessageCodec>();
  const of = (plan: MessagePlan): MessageCodec => {
    const codec = made.get(plan) ?? build(plan);
    made.set(plan, codec);
    return codec;
  };
  return {
    of: (type) => of(planner.message(type)),
    named: (typeName) => {
      const plan = planner.lookup(typeName);
      return plan === undefined ? undefined : of(plan);
    },
  };
}

function codecBuilder(planner: Planner): (plan: MessagePlan) => MessageCodec {
  const jsonWriter = createJsonWriters(planner, readBytes);
  const jsonReader = createJsonReaders(planner, writeBytes);
  return (plan) => {
    const { typeName } = plan;
    const write = wireWriter(plan);
    const read = messageReader(plan);
    const writeJson = jsonWriter(plan);
    const readJson = jsonReader(plan);
    plan.type.setup();
    return {
      typeName,
      encode: (value) => refusing(typeName, () => finish(plan, write(value, 0) as object)),
      decode: (bytes) => checking(typeName, () => read(parseBytes(plan, bytes), { left: MAX_DECODED_MESSAGES })),
      toJson: (value) => refusing(typeName, () => JSON.stringify(writeJson(value, 0))),
      fromJson: (json) => checking(typeName, () => readJson(parseJson(json), 0)),
    };
  };
}

/** Whatever is wrong with the caller's value becomes a TypeError with its path. */
function refusing<Result>(typeName: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw error instanceof FieldProblem ? new TypeError(`${error.pathFrom(typeName)}: ${error.problem}`) : error;
  }
}

/** Whatever is wrong with input from outside becomes a DecodeError; protobufjs throws Error, RangeError and its own. */
function checking<Result>(typeName: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (error instanceof FieldProblem) throw new DecodeError(error.pathFrom(typeName), error.problem);
    throw new DecodeError(typeName, error instanceof Error ? error.message : String(error));
  }
}

function parseBytes(plan: MessagePlan, bytes: Uint8Array): protobuf.Message {
  if (!(bytes instanceof Uint8Array)) throw new FieldProblem("expected a Uint8Array");
  return plan.type.decode(protobuf.Reader.create(asBuffer(bytes)));
}

/** Node's Buffer reads strings natively; the view shares the memory. */
function asBuffer(bytes: Uint8Array): Uint8Array {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function finish(plan: MessagePlan, wire: object): Uint8Array {
  return plan.type.encode(wire).finish();
}

function readBytes(plan: MessagePlan, bytes: Uint8Array): unknown {
  try {
    return messageReader(plan)(parseBytes(plan, bytes), { left: MAX_DECODED_MESSAGES });
  } catch (error) {
    if (error instanceof FieldProblem) throw error;
    throw new FieldProblem(`the bytes are no ${plan.typeName}: ${error instanceof Error ? error.message : error}`);
  }
}

function writeBytes(plan: MessagePlan, value: unknown): Uint8Array {
  return new Uint8Array(finish(plan, wireWriter(plan)(value, 0) as object));
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseJson(json: string | Uint8Array): unknown {
  const text = typeof json === "string" ? json : utf8.decode(json);
  const value: unknown = JSON.parse(text);
  checkUniqueKeys(text);
  return value;
}
