// Tells the mesh that this router is there: on start, on change, every second. At first only so that instances announce themselves
// to it: a router that took calls before it knew anybody would call a service unknown that everybody else knows.
import type { Broker } from "@malla/sdk/broker";
import type { Runtime } from "@malla/sdk/call";
import { encodeRouterState, PROTOCOL_VERSION, routerSubject } from "@malla/sdk/contract";
import type { ActiveCalls } from "../active-calls.ts";

const ANNOUNCE_MS = 1_000;
/** Instances greet a router they did not know within 200 ms; so long after its first word it has heard of them, in ms. */
export const GREETED_AFTER_MS = 300;

export interface RouterAnnouncerOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly router: string;
  readonly version: string;
  readonly active: ActiveCalls;
  readonly maxInFlight: number;
  readonly policyRevision: () => number;
}

export class RouterAnnouncer {
  readonly #options: RouterAnnouncerOptions;
  /** Whether callers may pick it: not before it has been greeted, nor while it drains. */
  #takesCalls = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RouterAnnouncerOptions) {
    this.#options = options;
  }

  start(): void {
    this.announce();
    this.#timer = setInterval(() => this.announce(), ANNOUNCE_MS);
    this.#options.broker.onStatus((status) => {
      if (status.type === "connected") this.announce();
    });
  }

  /** It has been greeted and takes calls now. */
  open(): void {
    this.#takesCalls = true;
    this.announce();
  }

  drain(): void {
    this.#takesCalls = false;
    this.announce();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  announce(): void {
    const { broker, runtime, router, version, active, maxInFlight, policyRevision } = this.#options;
    if (!broker.connected) return;
    const state = {
      protocol: PROTOCOL_VERSION,
      version,
      load: { inFlight: active.size, queued: 0, loopLagMs: runtime.stall.lagMs },
      maxInFlight,
      draining: !this.#takesCalls,
      policyRevision: policyRevision(),
      sentAtMs: runtime.clock.stampMs(),
      capabilities: [],
    };
    broker.publish(routerSubject(router), encodeRouterState(state));
  }
}
