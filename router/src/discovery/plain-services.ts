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
/** When each was asked last is known of so many; beyond, of none, and each is asked once more. */
export const MAX_WANTED = 10_000;
/** Names that are asked for what they serve; a hint too many is dropped. */
export const MAX_HINTED = 10_000;
/** A name that has left so many questions unanswered is asked no more, until it is hinted at again: anybody may hint at anything. */
export const MAX_UNANSWERED = 3;
/** Hints that are read in a second, and how large one may be; further ones come again in five seconds. */
export const MAX_HINTS_PER_SECOND = 20_000;
export const MAX_HINT_BYTES = 16 * 1024;
/** An answer to a question for INFO is not read beyond this. */
export const MAX_INFO_BYTES = 256 * 1024;
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
  /** Who is asked, with how many questions were left unanswered since the last answer. */
  readonly #hinted = new Map<string, number>();
  readonly #gate = new AnnouncementGate();
  #hintSecond = 0;
  #hints = 0;
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
    broker.publish(serviceQuestion("PING"), EMPTY, this.#hintInbox);
    for (const [service, unanswered] of this.#hinted) {
      if (unanswered >= MAX_UNANSWERED) {
        this.#hinted.delete(service);
        continue;
      }
      this.#hinted.set(service, unanswered + 1);
      this.#askInfo(service);
    }
    this.#announceNamed();
  }

  #onHint(message: BrokerMessage): void {
    if (!this.#mayReadHint()) {
      this.#options.runtime.telemetry.rejected("plain-hint", "rate-limited");
      return;
    }
    const name = parseJson(message.payload, MAX_HINT_BYTES)?.name;
    if (typeof name !== "string" || !isServiceName(name) || this.#hinted.has(name)) return;
    // Services of our SDK announce themselves; asking them all would be a flood.
    if (this.#hasSdkInstances(name)) return;
    if (this.#hinted.size >= MAX_HINTED) {
      this.#options.runtime.telemetry.rejected("plain-hint", "overloaded");
      return;
    }
    this.#hinted.set(name, 1);
    this.#askInfo(name);
  }

  #mayReadHint(): boolean {
    const second = Math.floor(this.#options.runtime.clock.nowMs() / 1000);
    if (second !== this.#hintSecond) {
      this.#hintSecond = second;
      this.#hints = 0;
    }
    return this.#hints++ < MAX_HINTS_PER_SECOND;
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

  /** True if the message was an answer to a question for INFO. */
  onReply(message: BrokerMessage, service: string, id: string): boolean {
    if (!id.startsWith("info-")) return false;
    const { clock, telemetry } = this.#options.runtime;
    if (!this.#gate.mayRead(service, message.payload.length, clock.nowMs())) {
      telemetry.rejected("announcement", "rate-limited");
      return true;
    }
    const headers = message.headers.length === 0 ? EMPTY_BLOCK : parseHeaderBlock(message.headers);
    if (typeof headers === "string" || headers.status !== 0) return true;
    const info = parseJson(message.payload, MAX_INFO_BYTES);
    if (info?.name !== service) return true;
    const methods = methodsOf(service, info);
    // An SDK instance names `mesh.run`; only what listens on `mesh.serve` is plain.
    if (methods.length > 0) {
      this.#hinted.set(service, 0);
      this.#announce(service, methods, typeof info.version === "string" ? info.version : "0.0.0");
    }
    return true;
  }

  #announceNamed(): void {
    for (const [service, { plainMethods }] of this.#options.policy.current.settings) {
      if (plainMethods.length > 0) this.#announce(service, plainMethods, "0.0.0");
    }
  }

  #announce(service: string, methods: readonly string[], version: string): void {
    const { registry, runtime } = this.#options;
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
    const { clock, telemetry } = runtime;
    if (announcementProblem(state) !== undefined) telemetry.rejected("announcement", "bad-request");
    else if (!registry.announce("plain", service, PLAIN_INSTANCE, state, clock.nowMs(), clock.stampMs()))
      telemetry.rejected("announcement", "overloaded");
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
