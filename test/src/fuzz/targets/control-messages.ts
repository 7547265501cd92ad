// Announcements, probe answers and pushed policy: whatever the bytes are, they are such a message with every field of its
// type, or none; and protobufjs, given the same schema and asked directly, reads the same.
import {
  announcementProblem,
  decodeInstanceState,
  decodePolicyPush,
  decodeProbeAnswer,
  decodeRouterState,
  encodeInstanceState,
  encodePolicyPush,
  encodeProbeAnswer,
  encodeRouterState,
  type InstanceState,
  MAX_ANNOUNCEMENT_BYTES,
  type RouterState,
} from "@malla/sdk/contract";
import { instanceState } from "@malla/sdk/testing";
import protobuf from "protobufjs";
import { sameValue } from "../same-value.ts";
import { bytesOf, type FuzzTarget, type Input, must } from "../target.ts";
import { weigh } from "../weigh.ts";
import { wireFields } from "../wire-fields.ts";

/** The messages as any protobuf tool would be told of them. */
const SCHEMA = `
  syntax = "proto3";
  message Load { uint32 in_flight = 1; uint32 queued = 2; float loop_lag_ms = 3; }
  message InstanceState {
    uint32 protocol = 1; string version = 2; map<string, string> tags = 3; repeated string methods = 4;
    repeated string idempotent_methods = 5; uint32 max_in_flight = 6; Load load = 7; uint32 phase = 8;
    double sent_at_ms = 9; repeated string capabilities = 10;
  }
  message RouterState {
    uint32 protocol = 1; string version = 2; Load load = 3; uint32 max_in_flight = 4; bool draining = 5;
    double policy_revision = 6; double sent_at_ms = 7; repeated string capabilities = 8;
  }
  message PolicyPush { bytes head = 1; repeated bytes documents = 2; bool complete = 3; }
  message ProbeAnswer { repeated string running = 1; repeated string done = 2; repeated string unseen = 3; }
`;
const schema = protobuf.parse(SCHEMA).root;
/** An empty text or list entry is two bytes on the wire and some more in memory. */
const WEIGHT_PER_BYTE = 16;
const WEIGHT_BESIDE = 512;

type Plain = Record<string, unknown>;

/** What protobufjs makes of the bytes; undefined if it refuses them. */
function theirs(type: protobuf.Type, bytes: Uint8Array): Plain | undefined {
  try {
    return type.toObject(type.decode(bytes), { defaults: true, arrays: true, objects: true });
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function checkLoad({ inFlight, queued, loopLagMs }: InstanceState["load"]): void {
  must([inFlight, queued, loopLagMs].every(isCount), "a load that is no numbers");
}

function checkInstance(state: InstanceState): void {
  const { protocol, version, tags, methods, idempotentMethods, maxInFlight, phase, sentAtMs, capabilities } = state;
  must([protocol, maxInFlight, sentAtMs].every(isCount), "a number that is none");
  must(typeof version === "string", "a version that is no text");
  must([methods, idempotentMethods, capabilities].every(areTexts), "a list that is no texts");
  must(["serving", "draining", "gone"].includes(phase), "a phase that is none");
  must(Object.getPrototypeOf(tags) === Object.prototype, "tags with another prototype");
  for (const name of Object.keys(tags)) must(typeof tags[name] === "string", "a tag that is no text");
  checkLoad(state.load);
}

function checkRouter(state: RouterState): void {
  must(
    [state.protocol, state.maxInFlight, state.policyRevision, state.sentAtMs].every(isCount),
    "a number that is none",
  );
  must(typeof state.version === "string" && typeof state.draining === "boolean", "a field of another type");
  must(areTexts(state.capabilities), "a list that is no texts");
  checkLoad(state.load);
}

interface Decoder<Message> {
  readonly name: string;
  readonly maxBytes: number;
  readonly decode: (bytes: Uint8Array) => Message | undefined;
  readonly encode: (message: Message) => Uint8Array;
  readonly check: (message: Message) => void;
  /** Why it is refused although it can be read. Default: it is not. */
  readonly problem?: (reference: Plain) => string | undefined;
  /** What protobufjs has read, in our words; only what is copied as it stands. */
  readonly copied: (message: Message, reference: Plain) => readonly (readonly [unknown, unknown])[];
  readonly seeds: readonly Message[];
}

function targetOf<Message extends object>({
  name,
  maxBytes,
  decode,
  encode,
  check,
  problem = () => undefined,
  copied,
  seeds,
}: Decoder<Message>): FuzzTarget {
  const type = schema.lookupType(name);
  const run = ([bytes = new Uint8Array(0)]: Input): string => {
    const message = decode(bytes);
    const read = bytes.length > maxBytes ? undefined : theirs(type, bytes);
    const reference = read === undefined || problem(read) !== undefined ? undefined : read;
    must((message === undefined) === (reference === undefined), "protobufjs is of another opinion");
    if (message === undefined || reference === undefined) return `no ${Math.min(bytes.length, 40)}`;
    check(message);
    const weight = weigh(message);
    must(
      weight <= bytes.length * WEIGHT_PER_BYTE + WEIGHT_BESIDE,
      `${bytes.length} bytes became a weight of ${weight}`,
    );
    for (const [ours, other] of copied(message, reference))
      must(sameValue(ours, other), () => `protobufjs reads ${JSON.stringify(other)}, not ${JSON.stringify(ours)}`);
    const again = decode(encode(message));
    // Text that is no UTF-8 is longer when it is written again.
    must(again === undefined || sameValue(again, message), "written and read again it differs");
    return `ok ${shapeOf(message)}`;
  };
  return {
    name: `decode-${name.replace(/(?<=[a-z])[A-Z]/g, "-$&").toLowerCase()}`,
    seeds: [[new Uint8Array(0)], ...seeds.map((message): Input => [encode(message)])],
    words: [
      "\x08\x01",
      "\x12\x00",
      "\x1a\x04\n\x00\x12\x00",
      "\xff\xff\xff\xff\x0f",
      "\n\x09__proto__",
      "\x0b",
      "\x0c",
      "\x7f",
      "orders",
    ],
    generator: () => (random) => [wireFields(random, type.fieldsArray.length)],
    maxBytes: maxBytes + 64,
    shortInputs: 12_000,
    open: () => ({ run }),
  };
}

/** Which fields are there and about how long. */
function shapeOf(message: object): string {
  return Object.values(message)
    .map((value) => {
      if (Array.isArray(value)) return Math.min(value.length, 4);
      if (typeof value === "object" && value !== null) return Math.min(Object.keys(value).length, 4);
      return typeof value === "string" ? Math.min(value.length, 4) : Number(Boolean(value));
    })
    .join("");
}

const routerState: RouterState = {
  protocol: 1,
  version: "0.1.0",
  load: { inFlight: 3, queued: 0, loopLagMs: 1.5 },
  maxInFlight: 20_000,
  draining: true,
  policyRevision: 7,
  sentAtMs: 1_893_456_000_000,
  capabilities: ["a"],
};

export const controlMessages: readonly FuzzTarget[] = [
  targetOf<InstanceState>({
    name: "InstanceState",
    maxBytes: MAX_ANNOUNCEMENT_BYTES,
    decode: decodeInstanceState,
    encode: encodeInstanceState,
    check: checkInstance,
    problem: (reference) => announcementProblem(reference as unknown as InstanceState),
    copied: (message, reference) => [
      [message.version, reference.version],
      [message.methods, reference.methods],
      [message.idempotentMethods, reference.idempotentMethods],
      [message.capabilities, reference.capabilities],
      [message.tags, reference.tags],
      [message.maxInFlight, reference.maxInFlight],
    ],
    seeds: [
      instanceState(),
      instanceState({
        tags: { zone: "a", "": "b" },
        methods: ["Place", "List"],
        idempotentMethods: ["List"],
        phase: "gone",
      }),
      instanceState({ load: { inFlight: 4, queued: 2, loopLagMs: 0.25 }, sentAtMs: 1.9e12, capabilities: ["x", "y"] }),
    ],
  }),
  targetOf<RouterState>({
    name: "RouterState",
    maxBytes: MAX_ANNOUNCEMENT_BYTES,
    decode: decodeRouterState,
    encode: encodeRouterState,
    check: checkRouter,
    problem: ({ version, capabilities }) =>
      announcementProblem({ version, capabilities, tags: {}, methods: [], idempotentMethods: [] } as never),
    copied: (message, reference) => [
      [message.version, reference.version],
      [message.draining, reference.draining],
      [message.capabilities, reference.capabilities],
      [message.protocol, reference.protocol],
    ],
    seeds: [routerState],
  }),
  targetOf({
    name: "ProbeAnswer",
    maxBytes: 1024 * 1024,
    decode: decodeProbeAnswer,
    encode: encodeProbeAnswer,
    check: ({ running, done, unseen }) => must([running, done, unseen].every(areTexts), "a list that is no texts"),
    copied: (message, reference) => [[message, reference]],
    seeds: [{ running: ["a", "b"], done: ["c"], unseen: ["d_-9"] }],
  }),
  targetOf({
    name: "PolicyPush",
    maxBytes: 1024 * 1024,
    decode: decodePolicyPush,
    encode: encodePolicyPush,
    check: ({ head, documents, complete }) => {
      must(head instanceof Uint8Array && typeof complete === "boolean", "a field of another type");
      must(Array.isArray(documents) && documents.every((item) => item instanceof Uint8Array), "no documents");
    },
    copied: (message, reference) => [[message, reference]],
    seeds: [
      {
        head: bytesOf('{"signed":"{}","signature":"AA=="}'),
        documents: [bytesOf("{}"), bytesOf("[]")],
        complete: true,
      },
    ],
  }),
];
