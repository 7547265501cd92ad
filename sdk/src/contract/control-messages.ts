// What parts of the mesh tell each other, as protobuf: announcements of instances and routers, pushed policy, probe
// answers. Unknown fields are skipped, so that a newer part can say more; a decoder never throws.
import protobuf from "protobufjs/light.js";
import { announcementProblem } from "./announcement-bounds.ts";

/** Version of these messages and of the headers between mesh parts. */
export const PROTOCOL_VERSION = 1;
/** What an instance announces that takes direct calls: it has the policy to judge them by. */
export const CAPABILITY_DIRECT = "direct";
/** What an instance announces that takes requests in frames. */
export const CAPABILITY_FRAMES = "frames";
/** An announcement larger than this is not read. */
export const MAX_ANNOUNCEMENT_BYTES = 64 * 1024;

/** Load of one process as it reports it itself. */
export interface ReportedLoad {
  readonly inFlight: number;
  readonly queued: number;
  /** Event-loop lag, in ms. */
  readonly loopLagMs: number;
}

/** `mesh.instance.<service>.<instance>`: who it is stands in the subject, which the broker has proven. */
export interface InstanceState {
  readonly protocol: number;
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly methods: readonly string[];
  /** Methods whose contract says that running twice does no harm. */
  readonly idempotentMethods: readonly string[];
  /** Calls the instance takes at a time before it nacks. */
  readonly maxInFlight: number;
  readonly load: ReportedLoad;
  /** `gone` is the last word of an instance that has ended its last call. */
  readonly phase: "serving" | "draining" | "gone";
  /** Wall clock of the sender, in ms, to estimate the offset between clocks. */
  readonly sentAtMs: number;
  readonly capabilities: readonly string[];
}

/** `mesh.router.<router>`. */
export interface RouterState {
  readonly protocol: number;
  readonly version: string;
  readonly load: ReportedLoad;
  readonly maxInFlight: number;
  readonly draining: boolean;
  readonly policyRevision: number;
  readonly sentAtMs: number;
  readonly capabilities: readonly string[];
}

/** `mesh.policy.live`: the signed head, and the documents it lists unless they are too large. */
export interface PolicyPush {
  /** The head as it was signed and stored. */
  readonly head: Uint8Array;
  readonly documents: readonly Uint8Array[];
  /** Whether `documents` holds every document of the head. */
  readonly complete: boolean;
}

/** What a probed peer knows of the ids it was asked for; the rest it has never seen and will never run. */
export interface ProbeAnswer {
  readonly running: readonly string[];
  readonly done: readonly string[];
  readonly unseen: readonly string[];
}

const root = protobuf.Root.fromJSON({
  nested: {
    Load: {
      fields: {
        inFlight: { type: "uint32", id: 1 },
        queued: { type: "uint32", id: 2 },
        loopLagMs: { type: "float", id: 3 },
      },
    },
    InstanceState: {
      fields: {
        protocol: { type: "uint32", id: 1 },
        version: { type: "string", id: 2 },
        tags: { keyType: "string", type: "string", id: 3 } as never,
        methods: { rule: "repeated", type: "string", id: 4 },
        idempotentMethods: { rule: "repeated", type: "string", id: 5 },
        maxInFlight: { type: "uint32", id: 6 },
        load: { type: "Load", id: 7 },
        phase: { type: "uint32", id: 8 },
        sentAtMs: { type: "double", id: 9 },
        capabilities: { rule: "repeated", type: "string", id: 10 },
      },
    },
    RouterState: {
      fields: {
        protocol: { type: "uint32", id: 1 },
        version: { type: "string", id: 2 },
        load: { type: "Load", id: 3 },
        maxInFlight: { type: "uint32", id: 4 },
        draining: { type: "bool", id: 5 },
        policyRevision: { type: "double", id: 6 },
        sentAtMs: { type: "double", id: 7 },
        capabilities: { rule: "repeated", type: "string", id: 8 },
      },
    },
    PolicyPush: {
      fields: {
        head: { type: "bytes", id: 1 },
        documents: { rule: "repeated", type: "bytes", id: 2 },
        complete: { type: "bool", id: 3 },
      },
    },
    ProbeAnswer: {
      fields: {
        running: { rule: "repeated", type: "string", id: 1 },
        done: { rule: "repeated", type: "string", id: 2 },
        unseen: { rule: "repeated", type: "string", id: 3 },
      },
    },
  },
});

const instanceType = root.lookupType("InstanceState");
const routerType = root.lookupType("RouterState");
const policyType = root.lookupType("PolicyPush");
const probeType = root.lookupType("ProbeAnswer");
const PHASES = ["serving", "draining", "gone"] as const;

type Decoded = Record<string, unknown>;

/** Decodes with defaults for what is absent; undefined for bytes that are no such message. */
function decode(type: protobuf.Type, bytes: Uint8Array, maxBytes: number): Decoded | undefined {
  if (bytes.length > maxBytes) return undefined;
  try {
    return type.toObject(type.decode(bytes), { defaults: true, arrays: true, objects: true }) as Decoded;
  } catch {
    return undefined;
  }
}

function finite(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}

function load(value: unknown): ReportedLoad {
  const from = (value ?? {}) as Decoded;
  return { inFlight: finite(from.inFlight), queued: finite(from.queued), loopLagMs: finite(from.loopLagMs) };
}

export function encodeInstanceState(state: InstanceState): Uint8Array {
  return instanceType.encode({ ...state, phase: PHASES.indexOf(state.phase) } as never).finish();
}

export function decodeInstanceState(bytes: Uint8Array): InstanceState | undefined {
  const from = decode(instanceType, bytes, MAX_ANNOUNCEMENT_BYTES);
  if (from === undefined || announcementProblem(from as unknown as InstanceState) !== undefined) return undefined;
  return {
    protocol: finite(from.protocol),
    version: from.version as string,
    tags: from.tags as Record<string, string>,
    methods: from.methods as string[],
    idempotentMethods: from.idempotentMethods as string[],
    maxInFlight: finite(from.maxInFlight),
    load: load(from.load),
    phase: PHASES[from.phase as number] ?? "serving",
    sentAtMs: finite(from.sentAtMs),
    capabilities: from.capabilities as string[],
  };
}

export function encodeRouterState(state: RouterState): Uint8Array {
  return routerType.encode(state as never).finish();
}

export function decodeRouterState(bytes: Uint8Array): RouterState | undefined {
  const from = decode(routerType, bytes, MAX_ANNOUNCEMENT_BYTES);
  if (from === undefined) return undefined;
  const words = { version: from.version as string, capabilities: from.capabilities as string[] };
  if (announcementProblem({ ...words, tags: {}, methods: [], idempotentMethods: [] }) !== undefined) return undefined;
  return {
    protocol: finite(from.protocol),
    version: from.version as string,
    load: load(from.load),
    maxInFlight: finite(from.maxInFlight),
    draining: from.draining === true,
    policyRevision: finite(from.policyRevision),
    sentAtMs: finite(from.sentAtMs),
    capabilities: from.capabilities as string[],
  };
}

export function encodePolicyPush(push: PolicyPush): Uint8Array {
  return policyType.encode(push as never).finish();
}

export function decodePolicyPush(bytes: Uint8Array): PolicyPush | undefined {
  const from = decode(policyType, bytes, 1024 * 1024);
  if (from === undefined) return undefined;
  return {
    head: from.head as Uint8Array,
    documents: from.documents as Uint8Array[],
    complete: from.complete === true,
  };
}

export function encodeProbeAnswer(answer: ProbeAnswer): Uint8Array {
  return probeType.encode(answer as never).finish();
}

export function decodeProbeAnswer(bytes: Uint8Array): ProbeAnswer | undefined {
  const from = decode(probeType, bytes, 1024 * 1024);
  if (from === undefined) return undefined;
  return { running: from.running as string[], done: from.done as string[], unseen: from.unseen as string[] };
}

/** `Malla-Load`: in-flight, queued and event-loop lag in ms, separated by commas. */
export function formatLoad(value: ReportedLoad): string {
  return `${value.inFlight},${value.queued},${Math.round(value.loopLagMs)}`;
}

/** Reads `Malla-Load`; undefined for anything that is not three whole numbers. */
export function parseLoad(text: string): ReportedLoad | undefined {
  const match = /^(\d{1,7}),(\d{1,7}),(\d{1,7})$/.exec(text);
  if (match === null) return undefined;
  return { inFlight: Number(match[1]), queued: Number(match[2]), loopLagMs: Number(match[3]) };
}
