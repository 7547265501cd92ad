// Services without our SDK: any NATS micro service that answers on `mesh.serve.<service>.<method>`, found by `$SRV`, or named
// by a ServicePolicy where it has no `$SRV`. A broadcast is only a hint; what is believed is an answer to a question of
// our own with a reply subject that this service alone may publish to.
import type { Broker, BrokerMessage } from "@malla/sdk/broker";
import type { Runtime } from "@malla/sdk/call";
import {
  announcementProblem,
  EMPTY_BLOCK,
  type InstanceState,
  inboxSubject,
  isMethodName,
  isServiceName,
  type MeshReason,
  PROTOCOL_VERSION,
  parseHeaderBlock,
  replySubject,
  serveSubject,
  serviceQuestion,
} from "@malla/sdk/contract";
import { AnnouncementGate, type PolicyHolder, type Registry } from "@malla/sdk/discovery";

/** Known plain services are asked this often, in ms; three missed answers and one is gone. */
const ASK_MS = 5_000;
/** A service that calls wait for is asked again after this, in ms. */
const WANTED_MS = 250;
export const MAX_WANTED = 10_000;
/** Services that are believed to be there; a further one is not looked for. */
export const MAX_CONFIRMED = 10_000;
/**
 * Names somebody has said that are being asked for. Anybody who answers a broadcast can say any name: one that does not
 * answer for itself soon makes room for the next.
 */
export const MAX_HINTED = 1_000;
/** A hinted name is asked so often before it is forgotten. */
export const MAX_ASKS_PER_HINT = 3;
/** Hints that are read in a second; further ones come again with the next broadcast. */
export const MAX_HINTS_PER_SECOND = 20_000;
/** An answer to a broadcast names a service; an answer to a question may list its endpoints. */
export const MAX_HINT_BYTES = 8 * 1024;
export const MAX_INFO_BYTES = 256 * 1024;
const NO_RESPONDERS = 503;
const EMPTY = new Uint8Array(0);
/** Id of the one pseudo-instance that stands for all instances of a plain service. */
export const PLAIN_INSTANCE = "plain";

export interface PlainServicesOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly router: string;
  readonly registry: Registry;
  readonly policy: PolicyHolder;
}

interface Info {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly metadata?: unknown;
  readonly endpoints?: unknown;
}

export class PlainServices {
  readonly #options: PlainServicesOptions;
  /** How often each was asked, of those that have not answered yet. */
  readonly #hinted = new Map<string, number>();
  readonly #confirmed = new Set<string>();
  /** Names that were new, since the last broadcast. */
  #hints = 0;
  readonly #gate = new AnnouncementGate();
  #hintSecond = 0;
  #hintsRead = 0;
  readonly #hintInbox: string;
  readonly #wantedAtMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PlainServicesOptions) {
    this.#options = options;
    this.#hintInbox = inboxSubject("srv", options.router, options.runtime.ids.next());
  }

  start(): void {
    this.#options.broker.subscribe(this.#hintInbox, (message) => this.#onHint(message));
    this.#ask();
    this.#timer = setInterval(() => this.#ask(), ASK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A call waits for this service: it is asked at once, though not more than once in a while. */
  wanted(service: string): void {
    const now = this.#options.runtime.clock.nowMs();
    if (
      !this.#options.broker.connected ||
      now - (this.#wantedAtMs.get(service) ?? Number.NEGATIVE_INFINITY) < WANTED_MS
    )
      return;
    if (this.#wantedAtMs.size > MAX_WANTED) this.#wantedAtMs.clear();
    this.#wantedAtMs.set(service, now);
    this.#askInfo(service);
  }

  /** Asks who is there, and those already hinted at what they serve. */
  #ask(): void {
    const { broker } = this.#options;
    if (!broker.connected) return;
    this.#hints = 0;
    broker.publish(serviceQuestion("PING"), EMPTY, this.#hintInbox);
    for (const service of this.#confirmed) this.#askInfo(service);
    for (const [service, asked] of this.#hinted) {
      if (asked >= MAX_ASKS_PER_HINT) this.#hinted.delete(service);
      else this.#askHinted(service, asked);
    }
    this.#announceNamed();
  }

  #onHint(message: BrokerMessage): void {
    // The broker's word that nobody answers has no body.
    if (message.payload.length === 0) return;
    if (!this.#mayReadHint()) {
      this.#refuse("", "more answers to broadcasts in a second than are read", "rate-limited");
      return;
    }
    const name = parseJson(message.payload, MAX_HINT_BYTES)?.name;
    if (typeof name !== "string" || !isServiceName(name)) {
      // A broadcast is answered on a subject that proves nobody.
      this.#refuse("", "an answer to a broadcast that names no service");
      return;
    }
    if (this.#confirmed.has(name) || this.#hinted.has(name)) return;
    // Services of our SDK announce themselves; asking them all would be a flood.
    if (this.#hasSdkInstances(name) || this.#confirmed.size >= MAX_CONFIRMED || !this.#hasPlaceFor()) return;
    this.#askHinted(name, 0);
  }

  #mayReadHint(): boolean {
    const second = Math.floor(this.#options.runtime.clock.nowMs() / 1000);
    if (second !== this.#hintSecond) {
      this.#hintSecond = second;
      this.#hintsRead = 0;
    }
    return this.#hintsRead++ < MAX_HINTS_PER_SECOND;
  }

  /** In a flood every name has the same chance, so that a liar who answers first hides nobody for long. */
  #hasPlaceFor(): boolean {
    this.#hints++;
    if (this.#hinted.size < MAX_HINTED) return true;
    if (this.#options.runtime.random() * this.#hints >= MAX_HINTED) return false;
    // It has been asked: if it is there, its answer comes all the same.
    const [oldest] = this.#hinted.keys();
    if (oldest !== undefined) this.#hinted.delete(oldest);
    return true;
  }

  #askHinted(service: string, asked: number): void {
    this.#hinted.set(service, asked + 1);
    this.#askInfo(service);
  }

  #hasSdkInstances(service: string): boolean {
    for (const instance of this.#options.registry.service(service)?.instances.values() ?? [])
      if (instance.kind === "sdk") return true;
    return false;
  }

  #askInfo(service: string): void {
    const { broker, router, runtime } = this.#options;
    const reply = replySubject(router, service, `info-${runtime.ids.next()}`);
    broker.publish(serviceQuestion("INFO", service), EMPTY, reply);
  }

  /** Whether a reply of this id may be an answer to a question for INFO. */
  awaits(id: string): boolean {
    return id.startsWith("info-");
  }

  /** True if the message was an answer to a question for INFO. */
  onReply(message: BrokerMessage, service: string, id: string): boolean {
    if (!this.awaits(id)) return false;
    if (!this.#gate.mayRead(service, message.payload.length, this.#options.runtime.clock.nowMs())) {
      this.#refuse(service, "more answers in a second than a service's instances need", "rate-limited");
      return true;
    }
    const headers = message.headers.length === 0 ? EMPTY_BLOCK : parseHeaderBlock(message.headers);
    if (typeof headers !== "string" && headers.status === NO_RESPONDERS) {
      // Nobody has this name; one that was there may come back, and is forgotten by its silence.
      this.#hinted.delete(service);
      return true;
    }
    const info = typeof headers === "string" ? undefined : parseJson(message.payload, MAX_INFO_BYTES);
    if (info?.name !== service) {
      this.#refuse(service, "what a service says of itself cannot be read, or is of another");
      return true;
    }
    const methods = methodsOf(service, info);
    // An SDK instance names `mesh.run`; only what listens on `mesh.serve` is plain.
    if (methods.length > 0) {
      this.#hinted.delete(service);
      this.#confirmed.add(service);
      this.#announce(service, methods, typeof info.version === "string" ? info.version : "0.0.0");
    }
    return true;
  }

  #refuse(principal: string, problem: string, reason: MeshReason = "bad-request"): void {
    this.#options.runtime.refusals.refused({ stage: "plain-service", reason, principal, problem });
  }

  #announceNamed(): void {
    for (const [service, { plainMethods }] of this.#options.policy.current.settings) {
      if (plainMethods.length > 0) this.#announce(service, plainMethods, "0.0.0");
    }
  }

  #announce(service: string, methods: readonly string[], version: string): void {
    const { registry, runtime } = this.#options;
    const { clock } = runtime;
    const state: InstanceState = {
      protocol: PROTOCOL_VERSION,
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
    const problem = announcementProblem(state);
    if (problem !== undefined) this.#refuse(service, `what a service says of itself: ${problem}`);
    else if (!registry.announce("plain", service, PLAIN_INSTANCE, state, clock.nowMs()))
      this.#refuse(service, "no room for one more service", "overloaded");
  }
}

function parseJson(payload: Uint8Array, maxBytes: number): Info | undefined {
  if (payload.length > maxBytes) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Methods whose endpoint listens where the mesh sends: an endpoint's subject is compared, never published to. */
function methodsOf(service: string, info: Info): string[] {
  if (!Array.isArray(info.endpoints)) return [];
  const prefix = serveSubject(service, "");
  return info.endpoints.flatMap((endpoint: unknown) => {
    const subject = (endpoint as { subject?: unknown } | null)?.subject;
    if (typeof subject !== "string" || !subject.startsWith(prefix)) return [];
    const method = subject.slice(prefix.length);
    return isMethodName(method) ? [method] : [];
  });
}
