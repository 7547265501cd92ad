// Who serves what, learnt from announcements. It believes only what a subject has proven, marks suspects instead of
// erasing them, and freezes while this process cannot hear (failure rules 6 and 7).
import {
  createAnnouncementParts,
  decodeInstanceState,
  type InstanceState,
  MAX_ANNOUNCEMENT_BYTES,
  type ReportedLoad,
  readParts,
  readSentAt,
  saysTheSame,
  withoutParts,
} from "../contract/index.ts";
import { type Announced, announcedOf, takesTheSame } from "./announced.ts";
import { ClockOffset } from "./clock-offset.ts";
import { createInstance, type Instance, type InstanceKind, takeAnnounced } from "./instance.ts";
import { ServiceEntry } from "./service-entry.ts";

export type { Instance, InstanceKind } from "./instance.ts";
export { ServiceEntry } from "./service-entry.ts";

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
/** So many others are asked at a time whether they are there, where one is silent and nobody else was heard. */
const MAX_OTHERS = 3;
/** At most this many instances of one service, and services, are known; a flood of announcements ends here. */
export const MAX_INSTANCES_PER_SERVICE = 10_000;
export const MAX_SERVICES = 20_000;
/** And so much is kept of what the instances of one service say of themselves, in characters. */
export const MAX_ANNOUNCED_LENGTH_PER_SERVICE = 16 * 1024 * 1024;

export interface RegistryOptions {
  /** Called after a service's set of serving instances changed. */
  readonly onChange?: (entry: ServiceEntry) => void;
  /** An instance that announces other capabilities is not kept. Default: all are. */
  readonly wanted?: (capabilities: readonly string[]) => boolean;
  /** Our stamp now. Given where requests are stamped by an instance's own clock: how far that is from ours is then estimated. */
  readonly stampMs?: () => number;
  /** Called after a change by which a call that found nobody may find somebody: one is new or back, or takes other or more calls. */
  readonly onServing?: (entry: ServiceEntry) => void;
}

/** What became of an announcement. */
export type Heard = "taken" | "unreadable" | "full";

export class Registry {
  readonly #services = new Map<string, ServiceEntry>();
  readonly #suspects = new Set<Instance>();
  readonly #onChange: (entry: ServiceEntry) => void;
  readonly #onServing: (entry: ServiceEntry) => void;
  readonly #wanted: (capabilities: readonly string[]) => boolean;
  readonly #stampMs: (() => number) | undefined;
  readonly #parts = createAnnouncementParts();

  constructor(options: RegistryOptions = {}) {
    this.#onChange = options.onChange ?? ((): void => undefined);
    this.#onServing = options.onServing ?? ((): void => undefined);
    this.#wanted = options.wanted ?? ((): boolean => true);
    this.#stampMs = options.stampMs;
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

  /**
   * Takes an announcement as it came, whose subject named this service and instance. One that says what this instance, or
   * another of its service, has said before is not decoded again.
   */
  hear(service: string, id: string, payload: Uint8Array, nowMs: number): Heard {
    const parts = this.#parts;
    const isOurs = payload.length <= MAX_ANNOUNCEMENT_BYTES && readParts(payload, parts);
    const entry = this.#services.get(service);
    if (isOurs && entry !== undefined) {
      const known = entry.instances.get(id);
      const said = known?.announced;
      if (known !== undefined && said?.bytes !== undefined && saysTheSame(payload, parts, said.bytes)) {
        this.#repeated(entry, known, parts.load, nowMs);
        if (this.#stampMs !== undefined) this.#compareClocks(known, readSentAt(payload, parts));
        return "taken";
      }
      for (const announced of entry.announced) {
        if (announced.bytes === undefined || !saysTheSame(payload, parts, announced.bytes)) continue;
        if (!this.#take(entry, "sdk", id, announced, parts.load, nowMs)) return "full";
        if (this.#stampMs !== undefined) this.#compareClocks(entry.instances.get(id), readSentAt(payload, parts));
        return "taken";
      }
    }
    const state = decodeInstanceState(payload);
    if (state === undefined) return "unreadable";
    const bytes = isOurs ? withoutParts(payload, parts) : undefined;
    return this.#announce("sdk", service, id, state, bytes, nowMs) ? "taken" : "full";
  }

  /** Takes what an instance says of itself. Returns false if a bound was met. */
  announce(kind: InstanceKind, service: string, id: string, state: InstanceState, nowMs: number): boolean {
    return this.#announce(kind, service, id, state, undefined, nowMs);
  }

  #announce(
    kind: InstanceKind,
    service: string,
    id: string,
    state: InstanceState,
    bytes: Uint8Array | undefined,
    nowMs: number,
  ): boolean {
    if (state.phase === "gone" || !this.#wanted(state.capabilities)) {
      this.forget(service, id);
      return true;
    }
    const entry = this.#entry(service);
    if (entry === undefined) return false;
    const announced = announcedOf(state, bytes, entry.instances.get(id)?.announced ?? entry.announced[0]);
    if (!this.#take(entry, kind, id, announced, state.load, nowMs)) return false;
    entry.keep(announced);
    this.#compareClocks(entry.instances.get(id), state.sentAtMs);
    return true;
  }

  #compareClocks(instance: Instance | undefined, sentAtMs: number): void {
    if (this.#stampMs === undefined || instance === undefined || sentAtMs === 0) return;
    const offsetMs = sentAtMs - this.#stampMs();
    if (instance.clockOffset === undefined) instance.clockOffset = new ClockOffset(offsetMs);
    else instance.clockOffset.take(offsetMs);
  }

  #take(
    entry: ServiceEntry,
    kind: InstanceKind,
    id: string,
    announced: Announced,
    load: ReportedLoad,
    nowMs: number,
  ): boolean {
    const known = entry.instances.get(id);
    if (known === undefined && entry.instances.size >= MAX_INSTANCES_PER_SERVICE) return false;
    const grown = announced.length - (known?.announced.length ?? 0);
    if (grown > 0 && entry.announcedLength + grown > MAX_ANNOUNCED_LENGTH_PER_SERVICE) return false;
    entry.announcedLength += grown;
    if (known === undefined) this.#join(entry, kind, id, announced, load, nowMs);
    else this.#update(entry, known, announced, load, nowMs);
    return true;
  }

  #join(
    entry: ServiceEntry,
    kind: InstanceKind,
    id: string,
    announced: Announced,
    load: ReportedLoad,
    nowMs: number,
  ): void {
    const instance = createInstance({ kind, service: entry.name, id }, announced, entry.outliers, nowMs);
    instance.load.reported(load, nowMs);
    entry.instances.set(id, instance);
    entry.methods.add(announced);
    this.#changed(entry, announced.phase === "serving");
  }

  #update(entry: ServiceEntry, known: Instance, announced: Announced, load: ReportedLoad, nowMs: number): void {
    const { maxInFlight, announced: before } = known;
    // What it said last may not be what holds: it nacked as one that drains.
    const isOther = known.phase !== announced.phase || !takesTheSame(before, announced);
    if (before.methods !== announced.methods || before.idempotentMethods !== announced.idempotentMethods) {
      entry.methods.remove(before);
      entry.methods.add(announced);
    }
    takeAnnounced(known, announced);
    const wasSuspect = known.suspectUntilMs !== 0;
    this.#seen(entry, known, load, nowMs);
    const isServing = announced.phase === "serving";
    if (isOther || wasSuspect) this.#changed(entry, isServing);
    else if (isServing && maxInFlight !== announced.maxInFlight) this.#onServing(entry);
  }

  /** It says what it has said before: only that it is there, and how loaded. */
  #repeated(entry: ServiceEntry, known: Instance, load: ReportedLoad, nowMs: number): void {
    const isOther = known.phase !== known.announced.phase || known.suspectUntilMs !== 0;
    known.phase = known.announced.phase;
    this.#seen(entry, known, load, nowMs);
    if (isOther) this.#changed(entry, known.phase === "serving");
  }

  #seen(entry: ServiceEntry, known: Instance, load: ReportedLoad, nowMs: number): void {
    known.seenAtMs = nowMs;
    known.heardAtMs = nowMs;
    if (known.suspectUntilMs !== 0) this.#clear(entry, known);
    known.load.reported(load, nowMs);
  }

  /** The broker said that nobody listens there: no new calls for a while, but nothing is erased. */
  suspect(instance: Instance, nowMs: number): void {
    this.#mark(instance, nowMs, false);
  }

  /** It has left a probe unanswered for long: no new calls while others are left. */
  silent(instance: Instance, nowMs: number): void {
    this.#mark(instance, nowMs, true);
  }

  /**
   * Whether somebody else serves what this one does and has been heard since then. Where a host or a link is lost all may be
   * silent, and who does not know yet that the others are has nothing to offer. Who cannot be probed counts as heard.
   */
  hasOthersHeard(instance: Instance, sinceMs: number): boolean {
    const others = this.#services.get(instance.service)?.serving;
    return (
      others?.some((other) => other !== instance && (other.kind === "plain" || other.heardAtMs >= sinceMs)) === true
    );
  }

  /** Some of the others that serve what this one does, who can be asked whether they are there. */
  *someOthers(instance: Instance): Iterable<Instance> {
    let left = MAX_OTHERS;
    for (const other of this.#services.get(instance.service)?.serving ?? []) {
      if (other === instance || other.kind === "plain") continue;
      if (left-- === 0) return;
      yield other;
    }
  }

  /** It has answered a probe: it is there. */
  trust(instance: Instance, nowMs: number): void {
    instance.heardAtMs = nowMs;
    const entry = this.#services.get(instance.service);
    if (instance.suspectUntilMs === 0 || entry?.instances.get(instance.id) !== instance) return;
    this.#clear(entry, instance);
    this.#changed(entry, instance.phase === "serving");
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
    entry.silent += Number(silent) - Number(instance.silent);
    instance.silent = silent;
    if (!wasSuspect) {
      instance.suspectSinceMs = nowMs;
      instance.probeDueMs = nowMs + FIRST_PROBE_MS;
      // Nobody else can be asked behind a queue group; an instance of our SDK answers for itself.
      if (instance.kind === "sdk") this.#suspects.add(instance);
    }
    if (changes) this.#changed(entry);
  }

  #clear(entry: ServiceEntry, instance: Instance): void {
    instance.suspectUntilMs = 0;
    if (instance.silent) entry.silent--;
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
      let forgiven = false;
      for (const instance of entry.instances.values()) {
        if (nowMs - instance.seenAtMs > EVICT_AFTER_MS) {
          this.#drop(entry, instance);
          changed = true;
        } else if (instance.suspectUntilMs !== 0 && instance.suspectUntilMs <= nowMs) {
          this.#clear(entry, instance);
          forgiven = true;
        }
      }
      if (changed || forgiven) this.#changed(entry, forgiven);
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
    entry.methods.remove(instance.announced);
    if (instance.silent) entry.silent--;
    this.#suspects.delete(instance);
    entry.announcedLength -= instance.announced.length;
  }

  /** `helps`: somebody takes calls now who did not. Where one who is silent is left, he may be the only one left now. */
  #changed(entry: ServiceEntry, helps = false): void {
    entry.changed();
    this.#onChange(entry);
    if (helps || entry.silent > 0) this.#onServing(entry);
  }
}
