// Who serves what, learnt from announcements. It believes only what a subject has proven, marks suspects instead of
// erasing them, and freezes while this process cannot hear (failure rules 6 and 7).
import type { InstanceState } from "../contract/index.ts";
import {
  createOutlierGroup,
  createOutlierState,
  EndpointLoad,
  type OutlierGroup,
  type OutlierState,
} from "../engine/index.ts";

/** An instance announces itself this often at least, in ms. */
export const ANNOUNCE_INTERVAL_MS = 5_000;
/** Three announcements missed: the instance is forgotten. */
export const EVICT_AFTER_MS = 3 * ANNOUNCE_INTERVAL_MS + 1_000;
/** A suspect gets calls again after this, in ms, unless it announces itself before: a route's reset lasts a second. */
export const SUSPECT_MS = 1_500;
/** At most this many instances of one service, and services, are known; a flood of announcements ends here. */
export const MAX_INSTANCES_PER_SERVICE = 10_000;
export const MAX_SERVICES = 20_000;

/** `sdk`: addressed by its id. `plain`: all instances of a service without our SDK, behind one queue group. */
export type InstanceKind = "sdk" | "plain";

export interface Instance {
  readonly kind: InstanceKind;
  readonly service: string;
  readonly id: string;
  version: string;
  tags: Readonly<Record<string, string>>;
  methods: ReadonlySet<string>;
  idempotentMethods: ReadonlySet<string>;
  maxInFlight: number;
  phase: InstanceState["phase"];
  seenAtMs: number;
  /** No new calls before this instant, unless nobody else is left. */
  suspectUntilMs: number;
  /** Sender's wall clock minus ours, in ms; a smoothed estimate. */
  clockOffsetMs: number;
  readonly load: EndpointLoad;
  readonly outlier: OutlierState;
}

export interface ServiceEntry {
  readonly name: string;
  readonly instances: Map<string, Instance>;
  /** What the ejections of its instances have in common. */
  readonly outliers: OutlierGroup;
  /** Those that may get new calls; rebuilt on change only. */
  serving: readonly Instance[];
  /** Grows with every change of `serving`, so that what is derived of it can be kept. */
  epoch: number;
}

export interface RegistryOptions {
  /** Called after a service's set of serving instances changed. */
  readonly onChange?: (entry: ServiceEntry) => void;
}

export class Registry {
  readonly #services = new Map<string, ServiceEntry>();
  readonly #onChange: (entry: ServiceEntry) => void;

  constructor(options: RegistryOptions = {}) {
    this.#onChange = options.onChange ?? ((): void => undefined);
  }

  services(): Iterable<ServiceEntry> {
    return this.#services.values();
  }

  service(name: string): ServiceEntry | undefined {
    return this.#services.get(name);
  }

  instance(service: string, id: string): Instance | undefined {
    return this.#services.get(service)?.instances.get(id);
  }

  /** Takes an announcement whose subject named this service and instance. Returns false if a bound was met. */
  announce(
    kind: InstanceKind,
    service: string,
    id: string,
    state: InstanceState,
    nowMs: number,
    stampMs: number,
  ): boolean {
    if (state.phase === "gone") {
      this.forget(service, id);
      return true;
    }
    const entry = this.#entry(service);
    if (entry === undefined) return false;
    const known = entry.instances.get(id);
    if (known === undefined && entry.instances.size >= MAX_INSTANCES_PER_SERVICE) return false;
    const offset = state.sentAtMs === 0 ? 0 : state.sentAtMs - stampMs;
    if (known === undefined) {
      entry.instances.set(id, createInstance(entry.outliers, { kind, service, id }, state, offset, nowMs));
      this.#rebuild(entry);
      return true;
    }
    const changed =
      known.phase !== state.phase ||
      known.version !== state.version ||
      known.suspectUntilMs !== 0 ||
      !sameTags(known.tags, state.tags);
    known.seenAtMs = nowMs;
    known.suspectUntilMs = 0;
    known.clockOffsetMs += (offset - known.clockOffsetMs) / 4;
    known.maxInFlight = state.maxInFlight;
    known.load.reported(state.load, nowMs);
    if (!sameNames(known.methods, state.methods)) known.methods = new Set(state.methods);
    if (!sameNames(known.idempotentMethods, state.idempotentMethods))
      known.idempotentMethods = new Set(state.idempotentMethods);
    known.phase = state.phase;
    known.version = state.version;
    known.tags = state.tags;
    if (changed) this.#rebuild(entry);
    return true;
  }

  /** The broker said that nobody listens there: no new calls for a while, but nothing is erased. */
  suspect(instance: Instance, nowMs: number): void {
    const wasSuspect = instance.suspectUntilMs > nowMs;
    instance.suspectUntilMs = nowMs + SUSPECT_MS;
    const entry = this.#services.get(instance.service);
    if (!wasSuspect && entry !== undefined) this.#rebuild(entry);
  }

  /** An instance that said it drains gets nothing new. */
  draining(instance: Instance): void {
    if (instance.phase === "draining") return;
    instance.phase = "draining";
    const entry = this.#services.get(instance.service);
    if (entry !== undefined) this.#rebuild(entry);
  }

  forget(service: string, id: string): void {
    const entry = this.#services.get(service);
    if (entry?.instances.delete(id) === true) this.#rebuild(entry);
  }

  /**
   * Evicts what has been silent for three announcements and gives suspects another chance. Not to be called while the
   * own connection is down or after an own stall: then nobody could be heard.
   */
  sweep(nowMs: number): void {
    for (const entry of this.#services.values()) {
      let changed = false;
      for (const instance of entry.instances.values()) {
        if (nowMs - instance.seenAtMs > EVICT_AFTER_MS) {
          entry.instances.delete(instance.id);
          changed = true;
        } else if (instance.suspectUntilMs !== 0 && instance.suspectUntilMs <= nowMs) {
          instance.suspectUntilMs = 0;
          changed = true;
        }
      }
      if (changed) this.#rebuild(entry);
    }
  }

  /** After a time of deafness everybody counts as seen now. */
  thaw(nowMs: number): void {
    for (const entry of this.#services.values()) {
      for (const instance of entry.instances.values()) instance.seenAtMs = nowMs;
    }
  }

  #entry(service: string): ServiceEntry | undefined {
    let entry = this.#services.get(service);
    if (entry === undefined) {
      if (this.#services.size >= MAX_SERVICES) return undefined;
      entry = { name: service, instances: new Map(), outliers: createOutlierGroup(), serving: [], epoch: 0 };
      this.#services.set(service, entry);
    }
    return entry;
  }

  #rebuild(entry: ServiceEntry): void {
    const serving: Instance[] = [];
    for (const instance of entry.instances.values()) {
      if (instance.phase === "serving" && instance.suspectUntilMs === 0) serving.push(instance);
    }
    entry.serving = serving;
    entry.epoch++;
    this.#onChange(entry);
  }
}

function createInstance(
  outliers: OutlierGroup,
  who: Pick<Instance, "kind" | "service" | "id">,
  state: InstanceState,
  offset: number,
  nowMs: number,
): Instance {
  const load = new EndpointLoad();
  load.reported(state.load, nowMs);
  return {
    ...who,
    version: state.version,
    tags: state.tags,
    methods: new Set(state.methods),
    idempotentMethods: new Set(state.idempotentMethods),
    maxInFlight: state.maxInFlight,
    phase: state.phase,
    seenAtMs: nowMs,
    suspectUntilMs: 0,
    clockOffsetMs: offset,
    load,
    outlier: createOutlierState(outliers),
  };
}

function sameNames(known: ReadonlySet<string>, names: readonly string[]): boolean {
  return known.size === names.length && names.every((name) => known.has(name));
}

function sameTags(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
