// Who is on the mesh, heard with an observer's credentials, and what changes.
import type { Broker, BrokerMessage, BrokerSubscription } from "@malla/sdk/broker";
import {
  announcementProblem,
  decodeRouterState,
  type InstanceState,
  inboxSubject,
  isServiceName,
  MAX_ANNOUNCED_WORD_LENGTH,
  parseInstanceSubject,
  parseRouterSubject,
  serveSubject,
  serviceQuestion,
  subscriptions,
} from "@malla/sdk/contract";
import { AnnouncementGate, type Instance, MAX_ROUTERS, Registry, RouterDirectory } from "@malla/sdk/discovery";

/** A router that was silent this long is told as gone, in ms. */
const ROUTER_GONE_MS = 4_000;
const SWEEP_MS = 1_000;
/** What changed is told after this, in ms, all together: a flood of announcements costs no more than a look a time. */
export const COMPARE_MS = 100;
/** Changes that are told at a time; of the rest how many there are. */
export const MAX_TOLD_CHANGES = 50;
/** Services without our SDK are asked for this often, in ms: somebody waits for them to come up. */
const ASK_PLAIN_MS = 1_000;

export interface PresenceOptions {
  readonly broker: Broker;
  readonly onEvent: (line: string) => void;
  /** Also ask for services without our SDK, which announce nothing. Default false. */
  readonly askPlain?: boolean;
}

export class Presence {
  readonly registry = new Registry({ onChange: () => this.#compareSoon() });
  readonly routers = new RouterDirectory();
  readonly #broker: Broker;
  readonly #onEvent: (line: string) => void;
  readonly #known = new Map<string, string>();
  readonly #knownRouters = new Map<string, number>();
  readonly #subscriptions: BrokerSubscription[];
  readonly #timers: NodeJS.Timeout[];
  readonly #gate = new AnnouncementGate();
  #comparing: NodeJS.Timeout | undefined;
  #policyRevision = 0;

  constructor({ broker, onEvent, askPlain = false }: PresenceOptions) {
    this.#broker = broker;
    this.#onEvent = onEvent;
    this.#subscriptions = [
      broker.subscribe(subscriptions.instances, (message) => this.#heardInstance(message)),
      broker.subscribe(subscriptions.routers, (message) => this.#heardRouter(message)),
    ];
    this.#timers = [setInterval(() => this.#sweep(), SWEEP_MS)];
    if (askPlain) this.#askPlain();
    for (const timer of this.#timers) timer.unref();
  }

  /** Routers heard within the last seconds. */
  get routerCount(): number {
    return this.#knownRouters.size;
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#comparing);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  #heardInstance(message: BrokerMessage): void {
    const subject = parseInstanceSubject(message.subject);
    const now = performance.now();
    if (subject === undefined || !this.#gate.mayRead(subject.service, message.payload.length, now)) return;
    this.registry.hear(subject.service, subject.instance, message.payload, now);
  }

  #heardRouter(message: BrokerMessage): void {
    const id = parseRouterSubject(message.subject);
    const state = decodeRouterState(message.payload);
    if (id === undefined || state === undefined) return;
    this.routers.announce(id, state, performance.now(), Date.now());
    if (!this.#knownRouters.has(id)) {
      if (this.#knownRouters.size >= MAX_ROUTERS) return;
      this.#onEvent(`router ${id} joined`);
    }
    this.#knownRouters.set(id, performance.now());
    if (state.policyRevision > this.#policyRevision) {
      this.#policyRevision = state.policyRevision;
      this.#onEvent(`policy revision ${state.policyRevision} in force`);
    }
  }

  #askPlain(): void {
    const inbox = inboxSubject("srv", "malla", crypto.randomUUID());
    this.#subscriptions.push(
      this.#broker.subscribe(inbox, (message) => {
        const found = readPlainService(message.payload);
        if (found === undefined) return;
        this.registry.announce("plain", found.service, found.id, found.state, performance.now());
      }),
    );
    const ask = (): void => {
      if (this.#broker.connected) this.#broker.publish(serviceQuestion("INFO"), new Uint8Array(0), inbox);
    };
    ask();
    this.#timers.push(setInterval(ask, ASK_PLAIN_MS));
  }

  #sweep(): void {
    if (!this.#broker.connected) return;
    const now = performance.now();
    this.registry.sweep(now);
    this.routers.sweep(now);
    for (const [id, seenAtMs] of this.#knownRouters) {
      if (now - seenAtMs <= ROUTER_GONE_MS) continue;
      this.#knownRouters.delete(id);
      this.#onEvent(`router ${id} is gone`);
    }
  }

  #compareSoon(): void {
    this.#comparing ??= setTimeout(() => {
      this.#comparing = undefined;
      this.#compare();
    }, COMPARE_MS).unref();
  }

  /** Tells who came, who drains, who went since the last time. */
  #compare(): void {
    const changes: string[] = [];
    const present = new Map<string, Instance>();
    for (const { instances } of this.registry.services()) {
      for (const instance of instances.values()) present.set(`${instance.service}/${instance.id}`, instance);
    }
    for (const [key, { version, phase }] of present) {
      const before = this.#known.get(key);
      if (before === undefined) changes.push(`instance ${key} ${version} joined`);
      else if (before !== phase && phase === "draining") changes.push(`instance ${key} drains`);
      this.#known.set(key, phase);
    }
    for (const key of this.#known.keys()) {
      if (present.has(key)) continue;
      this.#known.delete(key);
      changes.push(`instance ${key} is gone`);
    }
    for (const change of changes.slice(0, MAX_TOLD_CHANGES)) this.#onEvent(change);
    const more = changes.length - MAX_TOLD_CHANGES;
    if (more > 0) this.#onEvent(`${more} more instances joined, drain or are gone`);
  }
}

interface PlainService {
  readonly service: string;
  readonly id: string;
  readonly state: InstanceState;
}

interface MicroInfo {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly endpoints?: readonly { readonly name: string; readonly subject: string }[];
}

/** An answer to `$SRV.INFO` of a service that serves on `mesh.serve`; undefined for any other. */
export function readPlainService(payload: Uint8Array): PlainService | undefined {
  try {
    const { name, id, version, endpoints = [] } = JSON.parse(Buffer.from(payload).toString("utf8")) as MicroInfo;
    if (!isServiceName(name)) return undefined;
    const methods = endpoints.filter((endpoint) => endpoint.subject === serveSubject(name, endpoint.name));
    if (methods.length === 0 || typeof id !== "string" || typeof version !== "string") return undefined;
    const state = plainState(
      version,
      methods.map((method) => method.name),
    );
    return isServiceName(name) && id.length <= MAX_ANNOUNCED_WORD_LENGTH && announcementProblem(state) === undefined
      ? { service: name, id, state }
      : undefined;
  } catch {
    // Somebody answers who speaks another language.
    return undefined;
  }
}

function plainState(version: string, methods: readonly string[]): InstanceState {
  return {
    protocol: 0,
    version,
    tags: {},
    methods,
    idempotentMethods: [],
    maxInFlight: 0,
    load: { inFlight: 0, queued: 0, loopLagMs: 0 },
    phase: "serving",
    sentAtMs: 0,
    capabilities: [],
  };
}
