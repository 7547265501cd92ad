// Tells the mesh who this instance is: after everything is subscribed, on every change, every five seconds, and at once to a
// router it has not met (failure rule 7: on the connection that subscribed, so that it is true wherever it arrives).
import type { Broker } from "../broker/broker.ts";
import type { Runtime } from "../call/runtime.ts";
import type { Timer } from "../call/timer-wheel.ts";
import {
  announcementProblem,
  CAPABILITY_FRAMES,
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

export interface AnnouncedFacts {
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly methods: readonly string[];
  readonly idempotentMethods: readonly string[];
  readonly maxInFlight: number;
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

  /** A router appeared that may not know this instance. */
  greet(): void {
    if (this.#greeting !== undefined || this.#timer === undefined) return;
    const { timers, random } = this.#options.runtime;
    this.#greeting = timers.schedule(random() * GREETING_SPREAD_MS, () => {
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
    const { broker } = this.#options;
    if (broker.connected) broker.publish(this.#subject, encodeInstanceState(this.#state()));
  }

  #state(): InstanceState {
    const { runtime, facts, load } = this.#options;
    return {
      protocol: PROTOCOL_VERSION,
      ...facts(),
      load: load(),
      phase: this.#phase,
      sentAtMs: runtime.clock.stampMs(),
      capabilities: [CAPABILITY_FRAMES],
    };
  }
}
