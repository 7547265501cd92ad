// Looks at who is there for long enough to have heard everybody: routers announce themselves every second, instances every
// five, but all answer a broadcast at once.
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsBroker } from "@malla/sdk/broker";
import { inboxSubject, serviceQuestion } from "@malla/sdk/contract";
import { Presence } from "../live/presence.ts";

/** One announcement of every router comes within this, in ms. */
const LISTEN_MS = 1_300;

export interface FoundInstance {
  readonly service: string;
  readonly id: string;
  readonly version: string;
  /** `sdk` announces itself; `plain` only answered the broadcast. */
  readonly kind: "sdk" | "plain";
  readonly methods: readonly string[];
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

interface Stats {
  readonly type?: string;
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly endpoints?: readonly {
    readonly name: string;
    readonly subject?: string;
    readonly num_requests?: number;
    readonly num_errors?: number;
  }[];
}

export async function survey(broker: NatsBroker): Promise<Survey> {
  const presence = new Presence({ broker, onEvent: () => undefined });
  const answers = new Map<string, Stats>();
  const inbox = inboxSubject("srv", "malla", crypto.randomUUID());
  const subscription = broker.subscribe(inbox, (message) => {
    try {
      const stats = JSON.parse(Buffer.from(message.payload).toString("utf8")) as Stats;
      answers.set(`${stats.name}/${stats.id}`, stats);
    } catch {
      // Somebody answers who speaks another language.
    }
  });
  broker.publish(serviceQuestion("STATS"), new Uint8Array(0), inbox);
  await sleep(LISTEN_MS);
  subscription.unsubscribe();
  presence.close();
  const routers = [...presence.routers.all()].map(({ id, state, clockOffsetMs }) => ({
    id,
    version: state.version,
    inFlight: state.load.inFlight,
    draining: state.draining,
    policyRevision: state.policyRevision,
    clockOffsetMs,
  }));
  return { instances: [...answers.values()].map(describe).sort(byName), routers };
}

function describe({ name, id, version, endpoints = [] }: Stats): FoundInstance {
  const plain = endpoints.some(({ subject }) => subject?.startsWith("mesh.serve.") === true);
  return {
    service: name,
    id,
    version,
    kind: plain ? "plain" : "sdk",
    methods: endpoints.map((endpoint) => endpoint.name),
    requests: endpoints.reduce((sum, endpoint) => sum + (endpoint.num_requests ?? 0), 0),
    errors: endpoints.reduce((sum, endpoint) => sum + (endpoint.num_errors ?? 0), 0),
  };
}

function byName(a: FoundInstance, b: FoundInstance): number {
  return `${a.service}/${a.id}` < `${b.service}/${b.id}` ? -1 : 1;
}
