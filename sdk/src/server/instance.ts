// One running copy of a service: its endpoints, its announcements, its answers to `nats micro`, and how it goes away.
import type { Broker } from "../broker/broker.ts";
import type { FramePool } from "../call/frames/frame-pool.ts";
import type { Runtime } from "../call/runtime.ts";
import { CAPABILITY_DIRECT, CAPABILITY_FRAMES, runSubject } from "../contract/index.ts";
import type { RouterDirectory } from "../discovery/router-directory.ts";
import { Announcer } from "./announcer.ts";
import type { DirectGate } from "./direct-gate.ts";
import type { Endpoint } from "./endpoint.ts";
import { EndpointStats } from "./endpoint-stats.ts";
import { MicroResponder } from "./micro.ts";
import { Receiver } from "./receive.ts";

export interface InstanceOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly routers: RouterDirectory;
  readonly service: string;
  readonly instance: string;
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string;
  readonly maxInFlight: number;
  /** Judges calls that come past the routers; without one none are taken. */
  readonly gate: DirectGate | undefined;
  readonly pool: FramePool;
}

export class ServedInstance {
  readonly #options: InstanceOptions;
  readonly #endpoints: { endpoint: Endpoint; stats: EndpointStats }[] = [];
  readonly #receiver: Receiver;
  readonly #announcer: Announcer;
  readonly #micro: MicroResponder;
  readonly #startedAt = new Date().toISOString();
  #started = false;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.#receiver = new Receiver({ ...options, onGreeting: () => this.#announcer.greetCaller() });
    this.#announcer = new Announcer({ ...options, facts: () => this.#announced(), load: () => this.#receiver.load });
    this.#micro = new MicroResponder(options.broker, options.runtime.refusals, () => this.#microFacts());
  }

  /** Adds endpoints and resolves when the mesh has been told: everything is subscribed before it is announced. */
  async serve(endpoints: readonly Endpoint[]): Promise<void> {
    for (const endpoint of endpoints) {
      const stats = new EndpointStats(endpoint.name);
      this.#receiver.add(endpoint, stats);
      this.#endpoints.push({ endpoint, stats });
    }
    this.#announcer.check();
    if (this.#started) this.#announcer.announce();
    else {
      this.#started = true;
      this.#receiver.start();
      this.#micro.start();
      this.#announcer.start();
    }
    await this.#options.broker.flush();
  }

  /** A router appeared. */
  greetRouter(): void {
    this.#announcer.greet();
  }

  /** Announces anew if it would say something else than it said last: it has come to know the policy, or fell behind. */
  tellChanges(): void {
    if (this.#started && this.#announcer.said !== this.#capabilities().join()) this.#announcer.announce();
  }

  #capabilities(): readonly string[] {
    return this.#options.gate?.canJudge === true ? [CAPABILITY_FRAMES, CAPABILITY_DIRECT] : [CAPABILITY_FRAMES];
  }

  /** Takes nothing new, finishes what runs, says goodbye. Subscriptions stay until the last call has ended. */
  async drain(): Promise<void> {
    if (!this.#started) return;
    this.#receiver.drain();
    this.#announcer.enter("draining");
    await this.#receiver.whenIdle();
    this.#announcer.enter("gone");
    this.#announcer.stop();
    this.#micro.stop();
    await this.#receiver.stop();
    if (this.#options.broker.connected) await this.#options.broker.flush();
  }

  #announced(): ReturnType<ConstructorParameters<typeof Announcer>[0]["facts"]> {
    const { version, tags, maxInFlight } = this.#options;
    return {
      version,
      tags,
      maxInFlight,
      capabilities: this.#capabilities(),
      methods: this.#endpoints.map(({ endpoint }) => endpoint.name),
      idempotentMethods: this.#endpoints
        .filter(({ endpoint }) => endpoint.idempotent)
        .map(({ endpoint }) => endpoint.name),
    };
  }

  #microFacts(): ReturnType<ConstructorParameters<typeof MicroResponder>[2]> {
    const { service, instance, version, description, tags } = this.#options;
    return {
      name: service,
      id: instance,
      version,
      description,
      metadata: tags,
      startedAt: this.#startedAt,
      endpoints: this.#endpoints.map(({ endpoint, stats }) => ({
        name: endpoint.name,
        subject: runSubject(service, instance, "*", endpoint.name),
        metadata: { idempotent: String(endpoint.idempotent) },
        stats,
      })),
    };
  }
}
