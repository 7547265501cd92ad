// Who may be sent to past the routers, by the same rules as a router's registry: believed are announcements alone, suspects are
// probed and not erased, and nobody ages while this process cannot hear.
import type { Broker } from "../broker/broker.ts";
import type { Runtime } from "../call/runtime.ts";
import {
  CAPABILITY_DIRECT,
  directSubject,
  encodeHeaderBlock,
  header,
  isInstanceId,
  PROBE_METHOD,
  subscriptions,
} from "../contract/index.ts";
import { hearInstances } from "../discovery/hear-instances.ts";
import { Registry } from "../discovery/registry.ts";

/** How often the silent are forgotten and the suspect forgiven, in ms. */
export const TARGETS_SWEEP_MS = 250;
/** Of each service so many instances are greeted on joining; the others announce themselves within five seconds. */
export const MAX_GREETED_INSTANCES = 100;
const EMPTY = new Uint8Array(0);

export interface DirectTargetsOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly principal: string;
  /** Services the credentials name as targets. */
  readonly services: readonly string[];
  /** Where an instance's answer to its greeting goes: nobody waits for it, but without one it does not answer. */
  readonly replyOf: (service: string) => string;
}

export class DirectTargets {
  readonly #options: DirectTargetsOptions;
  readonly #services: ReadonlySet<string>;
  readonly registry: Registry;

  constructor(options: DirectTargetsOptions) {
    this.#options = options;
    this.#services = new Set(options.services);
    this.registry = new Registry({
      // An instance that takes no direct calls (it has no policy to judge them by, or is of an older SDK) is a router's to find.
      wanted: (capabilities) => capabilities.includes(CAPABILITY_DIRECT),
      stampMs: () => options.runtime.clock.stampMs(),
    });
  }

  /** Whether calls to this service may go past the routers at all. */
  has(service: string): boolean {
    return this.#services.has(service);
  }

  start(): void {
    const { broker, runtime, services } = this.#options;
    const subjects = services.map((service) => subscriptions.instancesOf(service));
    hearInstances(broker, runtime, this.registry, subjects);
  }

  /** To be called every TARGETS_SWEEP_MS. */
  sweep(): void {
    const { broker, runtime } = this.#options;
    if (!broker.connected) return;
    const now = runtime.clock.nowMs();
    // Who stood still himself cannot tell who was silent.
    if (runtime.stall.stalledWithin(TARGETS_SWEEP_MS * 2)) this.registry.thaw(now);
    this.registry.sweep(now);
  }

  /**
   * Greets instances a router has named: a hint, so they are not believed to be there before they say so themselves, which they do
   * when they are greeted. `hints` is what method `instances` of service `mesh` answers; nonsense in it is passed over.
   */
  greet(hints: unknown): void {
    const { services } = (hints ?? {}) as { services?: Record<string, unknown> };
    for (const service of this.#services) {
      const named = services?.[service];
      if (!Array.isArray(named)) continue;
      for (const one of named.slice(0, MAX_GREETED_INSTANCES) as unknown[]) {
        const { id } = (one ?? {}) as { id?: unknown };
        if (typeof id === "string" && isInstanceId(id) && this.registry.instance(service, id) === undefined)
          this.#greet(service, id);
      }
    }
  }

  #greet(service: string, id: string): void {
    const { broker, principal, replyOf } = this.#options;
    const subject = directSubject(service, id, principal, PROBE_METHOD);
    if (broker.connected) broker.publish(subject, EMPTY, replyOf(service), encodeHeaderBlock([header.probe, ""]));
  }
}
