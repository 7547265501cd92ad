// Who is on the mesh, heard with an observer's credentials, and what changes.
import type { Broker } from "@malla/sdk/broker";
import {
  decodeInstanceState,
  decodeRouterState,
  parseInstanceSubject,
  parseRouterSubject,
  subscriptions,
} from "@malla/sdk/contract";
import { type Instance, Registry, RouterDirectory } from "@malla/sdk/discovery";

/** A router that was silent this long is told as gone, in ms. */
const ROUTER_GONE_MS = 4_000;
const SWEEP_MS = 1_000;

export interface PresenceOptions {
  readonly broker: Broker;
  readonly onEvent: (line: string) => void;
}

export class Presence {
  readonly registry = new Registry();
  readonly routers = new RouterDirectory();
  readonly #onEvent: (line: string) => void;
  readonly #known = new Map<string, string>();
  readonly #knownRouters = new Map<string, number>();
  #policyRevision = 0;
  readonly #timer: NodeJS.Timeout;

  constructor({ broker, onEvent }: PresenceOptions) {
    this.#onEvent = onEvent;
    broker.subscribe(subscriptions.instances, (message) => {
      const subject = parseInstanceSubject(message.subject);
      const state = decodeInstanceState(message.payload);
      if (subject === undefined || state === undefined) return;
      this.registry.announce("sdk", subject.service, subject.instance, state, performance.now(), Date.now());
      this.#compare();
    });
    broker.subscribe(subscriptions.routers, (message) => {
      const id = parseRouterSubject(message.subject);
      const state = decodeRouterState(message.payload);
      if (id === undefined || state === undefined) return;
      this.routers.announce(id, state, performance.now(), Date.now());
      if (!this.#knownRouters.has(id)) this.#onEvent(`router ${id} joined`);
      this.#knownRouters.set(id, performance.now());
      if (state.policyRevision > this.#policyRevision) {
        this.#policyRevision = state.policyRevision;
        this.#onEvent(`policy revision ${state.policyRevision} in force`);
      }
    });
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    const now = performance.now();
    this.registry.sweep(now);
    this.routers.sweep(now);
    for (const [id, seenAtMs] of this.#knownRouters) {
      if (now - seenAtMs <= ROUTER_GONE_MS) continue;
      this.#knownRouters.delete(id);
      this.#onEvent(`router ${id} is gone`);
    }
    this.#compare();
  }

  /** Tells who came, who drains, who went since the last time. */
  #compare(): void {
    const present = new Map<string, Instance>();
    for (const { instances } of this.registry.services())
      for (const instance of instances.values()) present.set(`${instance.service}/${instance.id}`, instance);
    for (const [key, { version, phase }] of present) {
      const before = this.#known.get(key);
      if (before === undefined) this.#onEvent(`instance ${key} ${version} joined`);
      else if (before !== phase && phase === "draining") this.#onEvent(`instance ${key} drains`);
      this.#known.set(key, phase);
    }
    for (const key of this.#known.keys()) {
      if (present.has(key)) continue;
      this.#known.delete(key);
      this.#onEvent(`instance ${key} is gone`);
    }
  }
}
