// Who is on the mesh, heard with an observer's credentials, and what changes.
import type { Broker, BrokerMessage, BrokerSubscription } from "@malla/sdk/broker";
import {
  decodeInstanceState,
  decodeRouterState,
  type InstanceState,
  inboxSubject,
  parseInstanceSubject,
  parseRouterSubject,
  serveSubject,
  serviceQuestion,
  subscriptions,
} from "@malla/sdk/contract";
import { type Instance, Registry, RouterDirectory } from "@malla/sdk/discovery";

/** A router that was silent this long is told as gone, in ms. */
const ROUTER_GONE_MS = 4_000;
const SWEEP_MS = 1_000;
/** Services without our SDK are asked for this often, in ms: somebody waits for them to come up. */
const ASK_PLAIN_MS = 1_000;

export interface PresenceOptions {
  readonly broker: Broker;
  readonly onEvent: (line: string) => void;
  /** Also ask for services without our SDK, which announce nothing. Default false. */
  readonly askPlain?: boolean;
}

export class Presence {
  readonly registry = new Registry();
  readonly routers = new RouterDirectory();
  readonly #broker: Broker;
  readonly #onEvent: (line: string) => void;
  readonly #known = new Map<string, string>();
  readonly #knownRouters = new Map<string, number>();
  readonly #subscriptions: BrokerSubscription[];
  readonly #timers: NodeJS.Timeout[];
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
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  #heardInstance(message: BrokerMessage): void {
    const subject = parseInstanceSubject(message.subject);
    const state = decodeInstanceState(message.payload);
    if (subject === undefined || state === undefined) return;
    this.registry.announce("sdk", subject.service, subject.instance, state, performance.now(), Date.now());
    this.#compare();
  }

  #heardRouter(message: BrokerMessage): void {
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
  }

  #askPlain(): void {
    const inbox = inboxSubject("srv", "malla", crypto.randomUUID());
    this.#subscriptions.push(
      this.#broker.subscribe(inbox, (message) => {
        const found = readPlainService(message.payload);
        if (found === undefined) return;
        this.registry.announce("plain", found.service, found.id, found.state, performance.now(), Date.now());
        this.#compare();
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
    this.#compare();
  }

  /** Tells who came, who drains, who went since the last time. */
  #compare(): void {
    const present = new Map<string, Instance>();
    for (const { instances } of this.registry.services()) {
      for (const instance of instances.values()) present.set(`${instance.service}/${instance.id}`, instance);
    }
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
    const methods = endpoints.filter((endpoint) => endpoint.subject === serveSubject(name, endpoint.name));
    if (methods.length === 0 || typeof id !== "string" || typeof version !== "string") return undefined;
    return {
      service: name,
      id,
      state: plainState(
        version,
        methods.map((method) => method.name),
      ),
    };
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
