// One instance as a router or direct caller knows it.
import type { InstanceState } from "../contract/index.ts";
import { createOutlierState, EndpointLoad, type OutlierGroup, type OutlierState } from "../engine/index.ts";
import type { Announced } from "./announced.ts";
import type { ClockOffset } from "./clock-offset.ts";

/** `sdk`: addressed by its id. `plain`: all instances of a service without our SDK, behind one queue group. */
export type InstanceKind = "sdk" | "plain";

export interface Instance {
  readonly kind: InstanceKind;
  readonly service: string;
  readonly id: string;
  /** What it said last, shared with others that say the same; the fields below are its. */
  announced: Announced;
  version: string;
  tags: Readonly<Record<string, string>>;
  methods: ReadonlySet<string>;
  idempotentMethods: ReadonlySet<string>;
  maxInFlight: number;
  /** Whether it has announced that it takes requests in frames. */
  takesFrames: boolean;
  phase: InstanceState["phase"];
  /** When it announced itself last. */
  seenAtMs: number;
  /** When it was heard last, whatever it said: an announcement, a reply, an answer to a probe. */
  heardAtMs: number;
  /** No new calls before this instant. */
  suspectUntilMs: number;
  /** It is suspect because it does not answer, not because nobody listens: where nobody else is left it gets calls. */
  silent: boolean;
  /** When it became suspect, and when it is to be probed next. */
  suspectSinceMs: number;
  probeDueMs: number;
  /** The instance's stamps minus ours; undefined where nobody needs them, or it has stamped nothing. */
  clockOffset: ClockOffset | undefined;
  readonly load: EndpointLoad;
  readonly outlier: OutlierState;
}

export function createInstance(
  who: Pick<Instance, "kind" | "service" | "id">,
  announced: Announced,
  outliers: OutlierGroup,
  nowMs: number,
): Instance {
  const { version, tags, methods, idempotentMethods, maxInFlight, takesFrames, phase } = announced;
  return {
    kind: who.kind,
    service: who.service,
    id: who.id,
    announced,
    version,
    tags,
    methods,
    idempotentMethods,
    maxInFlight,
    takesFrames,
    phase,
    seenAtMs: nowMs,
    heardAtMs: nowMs,
    suspectUntilMs: 0,
    silent: false,
    suspectSinceMs: 0,
    probeDueMs: 0,
    clockOffset: undefined,
    load: createLoad(maxInFlight),
    outlier: createOutlierState(outliers),
  };
}

/** Takes over what it says of itself now. */
export function takeAnnounced(instance: Instance, announced: Announced): void {
  instance.announced = announced;
  instance.version = announced.version;
  instance.tags = announced.tags;
  instance.methods = announced.methods;
  instance.idempotentMethods = announced.idempotentMethods;
  instance.maxInFlight = announced.maxInFlight;
  instance.takesFrames = announced.takesFrames;
  instance.phase = announced.phase;
  instance.load.capacity = capacityOf(announced.maxInFlight);
}

function createLoad(maxInFlight: number): EndpointLoad {
  const load = new EndpointLoad();
  load.capacity = capacityOf(maxInFlight);
  return load;
}

/** An instance that announced no bound (a plain service) is bounded by policy alone. */
function capacityOf(maxInFlight: number): number {
  return maxInFlight === 0 ? Number.POSITIVE_INFINITY : maxInFlight;
}
