// Who serves what, learnt from announcements. It believes only what a subject has proven, marks suspects instead of
// erasing them, and freezes while this process cannot hear (failure rules 6 and 7).
import { announcedLength, CAPABILITY_FRAMES, type InstanceState } from "../contract/index.ts";
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
/** A suspect gets calls again after this, in ms, unless it announces itself or answers a probe before. */
export const SUSPECT_MS = 1_500;
/** A suspect is probed after this, in ms, and then ever more rarely, … */
const FIRST_PROBE_MS = 100;
/** … but this often at least: each probe that nobody hears keeps it suspect. */
const LAST_PROBE_MS = 1_000;
/** At most this many instances of one service, and services, are known; a flood of announcements ends here. */
export const MAX_INSTANCES_PER_SERVICE = 10_000;
export const MAX_SERVICES = 20_000;
/** And so much is kept of what the instances of one service say of themselves, in characters. */
export const MAX_ANNOUNCED_LENGTH_PER_SERVICE = 16 * 1024 * 1024;

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
  /** Whether it has announced that it takes requests in frames. */
  takesFrames: boolean;
  phase: InstanceState["phase"];
  seenAtMs: number;
  /** No new calls before this instant. */
  suspectUntilMs: number;
  /** It is suspect because it does not answer, not because nobody listens: where nobody else is left it gets calls. */
  silent: boolean;
  /** When it became suspect, and when it is to be probed next. */
  suspectSinceMs: number;
  probeDueMs: number;
  /** Sender's stamps minus ours, in ms; a smoothed estimate. */
  clockOffsetMs: number;
  /** Characters of what it last announced. */
  announcedLength: number;
  readonly load: EndpointLoad;
  readonly outlier: OutlierState;
}

/** One service: its instances, and those of them that may get calls. */
export class ServiceEntry {
  readonly name: string;
  readonly instances = new Map<string, Instance>();
  /** What the ejections of its instances have in common. */
  readonly outliers: OutlierGroup = createOutlierGroup();
  /** Grows with every change of `serving`, so that what is derived of it can be kept. */
  epoch = 0;
  /** Characters its instances have announced, together. */
  announcedLength = 0;
  #collected: { readonly serving: readonly Instance[]; readonly suspects: number } | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Those that may get new calls. Collected when asked for: a service that changes all the time costs those who call it. */
  get serving(): readonly Instance[] {
    this.#collected ??= collect(this.instances.values());
    return this.#collected.serving;
  }

  /** How many would serve but are suspect. */
  get suspects(): number {
    this.#collected ??= collect(this.instances.values());
    return this.#collected.suspects;
  }

  changed(): void {
    this.#collected = undefined;
    this.epoch++;
  }
}

export interface RegistryOptions {
  /** Called after a service's set of serving instances changed. */
  readonly onChange?: (entry: ServiceEntry) => void;
}

export class Registry {
  readonly #services = new Map<string, ServiceEntry>();
  readonly #suspects = new Set<Instance>();
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
    const length = announcedLength(state);
    const grown = length - (known?.announcedLength ?? 0);
    if (grown > 0 && entry.announcedLength + grown > MAX_ANNOUNCED_LENGTH_PER_SERVICE) return false;
    entry.announcedLength += grown;
    const offset = state.sentAtMs === 0 ? 0 : state.sentAtMs - stampMs;
    if (known === undefined) {
      entry.instances.set(id, createInstance(entry, { kind, id }, state, offset, nowMs));
      this.#changed(entry);
      return true;
    }
    known.announcedLength = length;
    const changed =
      known.phase !== state.phase ||
      known.version !== state.version ||
      known.suspectUntilMs !== 0 ||
      !sameTags(known.tags, state.tags);
    known.seenAtMs = nowMs;
    this.#clear(known);
    known.clockOffsetMs += (offset - known.clockOffsetMs) / 4;
    known.maxInFlight = state.maxInFlight;
    known.takesFrames = state.capabilities.includes(CAPABILITY_FRAMES);
    known.load.reported(state.load, nowMs);
    if (!sameNames(known.methods, state.methods)) known.methods = new Set(state.methods);
    if (!sameNames(known.idempotentMethods, state.idempotentMethods))
      known.idempotentMethods = new Set(state.idempotentMethods);
    known.phase = state.phase;
    known.version = state.version;
    known.tags = state.tags;
    if (changed) this.#changed(entry);
    return true;
  }

  /** The broker said that nobody listens there: no new calls for a while, but nothing is erased. */
  suspect(instance: Instance, nowMs: number): void {
    this.#mark(instance, nowMs, false);
  }

  /** It has left a probe unanswered for long: no new calls while others are left. */
  silent(instance: Instance, nowMs: number): void {
    this.#mark(instance, nowMs, true);
  }

  /** Whether somebody else serves what this one does. */
  hasOthers(instance: Instance): boolean {
    return this.#services.get(instance.service)?.serving.some((other) => other !== instance) === true;
  }

  /** It has answered: it is there. */
  trust(instance: Instance): void {
    if (instance.suspectUntilMs === 0) return;
    this.#clear(instance);
    const entry = this.#services.get(instance.service);
    if (entry !== undefined) this.#changed(entry);
  }

  /** Suspects that are to be probed now; each call moves their next probe on. */
  *dueSuspects(nowMs: number): Iterable<Instance> {
    for (const instance of this.#suspects) {
      if (instance.probeDueMs > nowMs) continue;
      const sinceMs = nowMs - instance.suspectSinceMs;
      instance.probeDueMs = nowMs + Math.min(LAST_PROBE_MS, Math.max(FIRST_PROBE_MS, sinceMs / 4));
      yield instance;
    }
  }

  #mark(instance: Instance, nowMs: number, silent: boolean): void {
    const entry = this.#services.get(instance.service);
    if (entry?.instances.get(instance.id) !== instance) return;
    const wasSuspect = instance.suspectUntilMs > nowMs;
    const changes = !wasSuspect || instance.silent !== silent;
    instance.suspectUntilMs = nowMs + SUSPECT_MS;
    instance.silent = silent;
    if (!wasSuspect) {
      instance.suspectSinceMs = nowMs;
      instance.probeDueMs = nowMs + FIRST_PROBE_MS;
      // Nobody else can be asked behind a queue group; an instance of our SDK answers for itself.
      if (instance.kind === "sdk") this.#suspects.add(instance);
    }
    if (changes) this.#changed(entry);
  }

  #clear(instance: Instance): void {
    instance.suspectUntilMs = 0;
    instance.silent = false;
    this.#suspects.delete(instance);
  }

  /** An instance that said it drains gets nothing new. */
  draining(instance: Instance): void {
    if (instance.phase === "draining") return;
    instance.phase = "draining";
    const entry = this.#services.get(instance.service);
    if (entry !== undefined) this.#changed(entry);
  }

  forget(service: string, id: string): void {
    const entry = this.#services.get(service);
    const known = entry?.instances.get(id);
    if (entry === undefined || known === undefined) return;
    this.#drop(entry, known);
    this.#changed(entry);
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
          this.#drop(entry, instance);
          changed = true;
        } else if (instance.suspectUntilMs !== 0 && instance.suspectUntilMs <= nowMs) {
          this.#clear(instance);
          changed = true;
        }
      }
      if (changed) this.#changed(entry);
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
      entry = new ServiceEntry(service);
      this.#services.set(service, entry);
    }
    return entry;
  }

  #drop(entry: ServiceEntry, instance: Instance): void {
    entry.instances.delete(instance.id);
    this.#suspects.delete(instance);
    entry.announcedLength -= instance.announcedLength;
  }

  #changed(entry: ServiceEntry): void {
    entry.changed();
    this.#onChange(entry);
  }
}

function collect(instances: Iterable<Instance>): { serving: readonly Instance[]; suspects: number } {
  const serving: Instance[] = [];
  const silent: Instance[] = [];
  let suspects = 0;
  for (const instance of instances) {
    if (instance.phase !== "serving") continue;
    if (instance.suspectUntilMs === 0) serving.push(instance);
    else {
      suspects++;
      if (instance.silent) silent.push(instance);
    }
  }
  return { serving: serving.length > 0 ? serving : silent, suspects };
}

function createInstance(
  { name, outliers }: ServiceEntry,
  who: Pick<Instance, "kind" | "id">,
  state: InstanceState,
  offset: number,
  nowMs: number,
): Instance {
  const load = new EndpointLoad();
  load.reported(state.load, nowMs);
  return {
    ...who,
    service: name,
    announcedLength: announcedLength(state),
    version: state.version,
    tags: state.tags,
    methods: new Set(state.methods),
    idempotentMethods: new Set(state.idempotentMethods),
    maxInFlight: state.maxInFlight,
    takesFrames: state.capabilities.includes(CAPABILITY_FRAMES),
    phase: state.phase,
    seenAtMs: nowMs,
    suspectUntilMs: 0,
    silent: false,
    suspectSinceMs: 0,
    probeDueMs: 0,
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
