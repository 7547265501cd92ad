// Looks at who is there for long enough to have heard everybody: routers announce themselves every second, services answer
// a broadcast at once, and routers tell what they know of instances when asked.
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsBroker } from "@malla/sdk/broker";
import { inboxSubject, isServiceName, serviceQuestion } from "@malla/sdk/contract";
import { Presence } from "../live/presence.ts";
import { askRouters, type KnownInstance } from "./ask-routers.ts";

/** One announcement of every router comes within this, in ms. */
const LISTEN_MS = 1_300;
/** Answers that are kept; whoever comes later is left out, or stands as silent if routers know him. */
export const MAX_ANSWERS = 20_000;

export interface FoundInstance {
  readonly service: string;
  readonly id: string;
  readonly version: string;
  /** `sdk` announces itself; `plain` is a NATS service without our SDK. */
  readonly kind: "sdk" | "plain";
  /** `serving` or `draining`; `silent` if routers know it and it did not answer now. */
  readonly phase: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly methods: readonly string[];
  /** Calls the routers have there now. Instances of a plain service share one number. */
  readonly inFlight: number;
  readonly requests: number;
  readonly errors: number;
}

export interface FoundRouter {
  readonly id: string;
  readonly version: string;
  readonly inFlight: number;
  readonly draining: boolean;
  readonly policyRevision: number;
  /** Its wall clock minus ours, in ms. */
  readonly clockOffsetMs: number;
}

export interface Survey {
  readonly instances: readonly FoundInstance[];
  readonly routers: readonly FoundRouter[];
}

/** An answer to `$SRV.STATS`, as far as it is read. */
export interface ServiceStats {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly endpoints?: readonly EndpointStats[];
}

interface EndpointStats {
  readonly name: string;
  readonly subject?: string;
  readonly num_requests?: number;
  readonly num_errors?: number;
}

/** Needs an operator's connection. Takes a second and a half. */
export async function survey(broker: NatsBroker): Promise<Survey> {
  const presence = new Presence({ broker, onEvent: () => undefined });
  const answers = new Map<string, ServiceStats>();
  const inbox = inboxSubject("srv", "malla", crypto.randomUUID());
  const subscription = broker.subscribe(inbox, ({ payload }) => {
    const stats = readStats(payload);
    if (stats !== undefined && answers.size < MAX_ANSWERS) answers.set(`${stats.name}/${stats.id}`, stats);
  });
  broker.publish(serviceQuestion("STATS"), new Uint8Array(0), inbox);
  await sleep(LISTEN_MS);
  subscription.unsubscribe();
  presence.close();
  const routers = [...presence.routers.all()].map(({ id, state, clockOffset }) => ({
    id,
    version: state.version,
    inFlight: state.load.inFlight,
    draining: state.draining,
    policyRevision: state.policyRevision,
    clockOffsetMs: clockOffset.ms,
  }));
  const known = await askRouters(
    broker,
    routers.map(({ id }) => id),
  );
  return { instances: joinInstances([...answers.values()], known), routers };
}

/** Whoever answers may say anything: what is no name, text or number is left out. */
export function readStats(payload: Uint8Array): ServiceStats | undefined {
  let said: Readonly<Record<string, unknown>> | null;
  try {
    said = JSON.parse(Buffer.from(payload).toString("utf8")) as typeof said;
  } catch {
    // Somebody answers who speaks another language.
    return undefined;
  }
  const { name, id, version, endpoints } = said ?? {};
  if (typeof name !== "string" || typeof id !== "string" || typeof version !== "string") return undefined;
  if (!isServiceName(name)) return undefined;
  return { name, id, version, endpoints: Array.isArray(endpoints) ? endpoints.flatMap(readEndpoint) : [] };
}

function readEndpoint(said: unknown): EndpointStats[] {
  const { name, subject, num_requests: requests, num_errors: errors } = (said ?? {}) as Record<string, unknown>;
  if (typeof name !== "string") return [];
  return [
    {
      name,
      ...(typeof subject === "string" ? { subject } : {}),
      num_requests: typeof requests === "number" ? requests : 0,
      num_errors: typeof errors === "number" ? errors : 0,
    },
  ];
}

/** What instances say of themselves beside what routers know of them, sorted by service and id. */
export function joinInstances(
  answers: readonly ServiceStats[],
  known: ReadonlyMap<string, KnownInstance>,
): readonly FoundInstance[] {
  const answered = answers.map((stats) => describe(stats, known));
  const heard = new Set(answered.map(({ service, id }) => `${service}/${id}`));
  const plain = new Set(answered.filter(({ kind }) => kind === "plain").map(({ service }) => service));
  const silent = [...known.values()]
    .filter(({ service, id, kind }) => !heard.has(`${service}/${id}`) && !(kind === "plain" && plain.has(service)))
    .map((instance): FoundInstance => ({ ...instance, phase: "silent", methods: [], requests: 0, errors: 0 }));
  return [...answered, ...silent].sort(byName);
}

function describe(
  { name, id, version, endpoints = [] }: ServiceStats,
  known: ReadonlyMap<string, KnownInstance>,
): FoundInstance {
  const isPlain = endpoints.some(({ subject }) => subject?.startsWith("mesh.serve.") === true);
  // Routers know the instances of a plain service as one.
  const seen = known.get(`${name}/${id}`) ?? [...known.values()].find((one) => isPlain && one.service === name);
  return {
    service: name,
    id,
    version,
    kind: isPlain ? "plain" : "sdk",
    phase: seen?.phase ?? "serving",
    tags: seen?.tags ?? {},
    methods: endpoints.map((endpoint) => endpoint.name),
    inFlight: seen?.inFlight ?? 0,
    requests: endpoints.reduce((sum, endpoint) => sum + (endpoint.num_requests ?? 0), 0),
    errors: endpoints.reduce((sum, endpoint) => sum + (endpoint.num_errors ?? 0), 0),
  };
}

function byName(a: FoundInstance, b: FoundInstance): number {
  return `${a.service}/${a.id}` < `${b.service}/${b.id}` ? -1 : 1;
}
