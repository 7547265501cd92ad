// Tells the mesh who this instance is: after everything is subscribed, on every change, every five seconds, and at once to a
// router it has not met (failure rule 7: on the connection that subscribed, so that it is true wherever it arrives).
import type { Broker } from "../broker/broker.ts";
import type { Runtime } from "../call/runtime.ts";
import type { Timer } from "../call/timer-wheel.ts";
import {
  announcementProblem,
  encodeInstanceState,
  type InstanceState,
  instanceSubject,
  MAX_ANNOUNCEMENT_BYTES,
  PROTOCOL_VERSION,
  type ReportedLoad,
} from "../contract/index.ts";
import { ANNOUNCE_INTERVAL_MS } from "../discovery/registry.ts";

/** A new router is greeted within this, in ms, by chance: a thousand instances do not greet it in one instant. */
const GREETING_SPREAD_MS = 200;
/** Whoever greets this instance may do so as often as he likes: it announces itself once in this time, in ms, all the same. */
export const CALLERS_GREETED_EVERY_MS = 1_000;

export interface AnnouncedFacts {
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly methods: readonly string[];
  readonly idempotentMethods: readonly string[];
  readonly maxInFlight: number;
  readonly capabilities: readonly string[];
}

export interface AnnouncerOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly service: string;
  readonly instance: string;
  /** What to announce now. */
  readonly facts: () => AnnouncedFacts;
  readonly load: () => ReportedLoad;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #subject: string;
  #phase: InstanceState["phase"] = "serving";
  #timer: NodeJS.Timeout | undefined;
  #greeting: Timer | undefined;
  #greetingDueMs = 0;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #said = "";

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#subject = instanceSubject(options.service, options.instance);
  }

  start(): void {
    this.announce();
    this.#timer ??= setInterval(() => this.announce(), ANNOUNCE_INTERVAL_MS);
    this.#options.broker.onStatus((status) => {
      if (status.type === "connected" && this.#timer !== undefined) this.announce();
      // Closed without a drain: an interval left running would keep the process alive.
      if (status.type === "closed") this.stop();
    });
  }

  /** Says the new phase at once. */
  enter(phase: InstanceState["phase"]): void {
    this.#phase = phase;
    this.announce();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#greeting !== undefined) this.#options.runtime.timers.cancel(this.#greeting);
  }

  /** The capabilities that were announced last, with commas between them. */
  get said(): string {
    return this.#said;
  }

  /** A router appeared that may not know this instance. */
  greet(): void {
    const { clock, random } = this.#options.runtime;
    this.#greetAt(clock.nowMs() + random() * GREETING_SPREAD_MS);
  }

  /** A direct caller may not know this instance: callers are many, and not trusted to ask seldom. */
  greetCaller(): void {
    this.#greetAt(this.#saidAtMs + CALLERS_GREETED_EVERY_MS);
  }

  /** The sooner of this and what is due already: who may wait a second does not make a router wait. */
  #greetAt(dueAtMs: number): void {
    if (this.#timer === undefined) return;
    const { clock, timers } = this.#options.runtime;
    if (this.#greeting !== undefined) {
      if (this.#greetingDueMs <= dueAtMs) return;
      timers.cancel(this.#greeting);
    }
    this.#greetingDueMs = dueAtMs;
    this.#greeting = timers.schedule(Math.max(0, dueAtMs - clock.nowMs()), () => {
      this.#greeting = undefined;
      this.announce();
    });
  }

  /** Throws TypeError if nobody would read what would be announced. */
  check(): void {
    const state = this.#state();
    const bytes = encodeInstanceState(state).length;
    const problem =
      announcementProblem(state) ??
      (bytes > MAX_ANNOUNCEMENT_BYTES ? `${bytes} bytes, at most ${MAX_ANNOUNCEMENT_BYTES} are read` : undefined);
    if (problem !== undefined) throw new TypeError(`this instance cannot be announced: ${problem}`);
  }

  announce(): void {
    const { broker, runtime } = this.#options;
    if (!broker.connected) return;
    const state = this.#state();
    this.#saidAtMs = runtime.clock.nowMs();
    this.#said = state.capabilities.join();
    broker.publish(this.#subject, encodeInstanceState(state));
  }

  #state(): InstanceState {
    const { runtime, facts, load } = this.#options;
    return {
      protocol: PROTOCOL_VERSION,
      ...facts(),
      load: load(),
      phase: this.#phase,
      sentAtMs: runtime.clock.stampMs(),
    };
  }
}
