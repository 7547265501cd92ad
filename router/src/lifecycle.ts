// Start in order, stop in reverse: connections, policy, replies, registry, then calls; and last of all the word that this
// router is there.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { readRouterSigner, signRouterUser } from "@malla/broker-config";
import type { BrokerSubscription } from "@malla/sdk/broker";
import { PROBE_TICK_MS, type Runtime } from "@malla/sdk/call";
import {
  isIdToken,
  MeshError,
  parseReplySubject,
  ROUTER_ID_PREFIX,
  ROUTER_QUEUE,
  replyIdOf,
  subscriptions,
} from "@malla/sdk/contract";
import { hearInstances, type Registry } from "@malla/sdk/discovery";
import { createAdminServer, type HealthCheck } from "@malla/sdk/telemetry";
import { Cancels } from "./attempts/cancels.ts";
import { compose, composeTelemetry, type RouterParts, type RouterTelemetry, TOKENS } from "./composition.ts";
import { loadRouterConfig, type RouterConfig, type RouterOptions } from "./config.ts";
import { type Connections, openConnections } from "./connections.ts";
import { GREETED_AFTER_MS } from "./discovery/router-announcer.ts";

/** How often the registry forgets the silent and forgives the suspect, in ms. */
const SWEEP_MS = 250;
/** A router that drains waits this long for its calls, in ms. */
const DRAIN_MS = 30_000;

export interface RunningRouter {
  readonly id: string;
  /** 0 without an endpoint of its own. */
  readonly metricsPort: number;
  /** In Prometheus's text format. */
  metrics(): Promise<string>;
  checks(): readonly HealthCheck[];
  /** Takes nothing new, finishes what it carries, closes. Safe to call twice. */
  drain(): Promise<void>;
}

export interface StartOptions {
  /** Whether it opens a port for metrics and health. Default true; a worker's are its supervisor's. */
  readonly endpoint?: boolean;
}

/**
 * Starts a router in this process. Rejects with an Error that says what to do. Each signs its own user under an id of its own, so
 * any number of them may run beside each other.
 */
export async function startRouter(
  options: RouterOptions = {},
  { endpoint = true }: StartOptions = {},
): Promise<RunningRouter> {
  const config = loadRouterConfig(options, process.env);
  const router = `${ROUTER_ID_PREFIX}${randomBytes(4).toString("hex")}`;
  const telemetry = composeTelemetry(config, router);
  const signer = await readRouterSigner(config.signer);
  const credentials = await signRouterUser(signer, router);
  const connections = await openConnections(config.servers, router, credentials, telemetry.log);
  const services = compose(config, { router, ...connections, policyPublicKey: signer.policyPublicKey }, telemetry);
  return await new Lifecycle(config, router, connections, services, telemetry).start(endpoint);
}

/** A composed router from its start to its end; made by `startRouter`. */
export class Lifecycle {
  readonly #config: RouterConfig;
  readonly #router: string;
  readonly #connections: Connections;
  readonly #services: RouterParts;
  readonly #telemetry: RouterTelemetry;
  readonly #timers: NodeJS.Timeout[] = [];
  #draining: Promise<void> | undefined;
  #calls: BrokerSubscription | undefined;
  #closeAdmin: () => Promise<void> = async () => undefined;

  constructor(
    config: RouterConfig,
    router: string,
    connections: Connections,
    services: RouterParts,
    telemetry: RouterTelemetry,
  ) {
    this.#config = config;
    this.#router = router;
    this.#connections = connections;
    this.#services = services;
    this.#telemetry = telemetry;
  }

  /** `endpoint`: with metrics and health on a port of its own. */
  async start(endpoint: boolean): Promise<RunningRouter> {
    const services = this.#services;
    const metricsPort = endpoint ? await this.#openEndpoint() : 0;
    // Without its policy a router would let everything through, so it takes calls only after.
    await services.resolve(TOKENS.follower).start();
    this.#hear();
    services.resolve(TOKENS.plainServices).start();
    await this.#connections.mesh.flush();
    const announcer = services.resolve(TOKENS.announcer);
    announcer.start();
    await sleep(GREETED_AFTER_MS);
    this.#takeCalls();
    await this.#connections.mesh.flush();
    announcer.open();
    this.#telemetry.log.info({ server: this.#connections.mesh.server, metricsPort }, "router ready");
    return {
      id: this.#router,
      metricsPort,
      metrics: async () => this.#telemetry.prometheus.metrics(),
      checks: () => this.#checks(),
      drain: async () => this.drain(),
    };
  }

  async #openEndpoint(): Promise<number> {
    const admin = await createAdminServer({
      host: this.#config.metricsHost,
      port: this.#config.metricsPort,
      metrics: () => this.#telemetry.prometheus.metrics(),
      checks: () => this.#checks(),
    }).catch(async (error: unknown) => {
      await this.#connections.close();
      throw error;
    });
    this.#closeAdmin = () => admin.close();
    return admin.port;
  }

  /** Replies, announcements, and what goes with time. */
  #hear(): void {
    const { mesh } = this.#connections;
    const runtime = this.#services.resolve(TOKENS.runtime);
    const registry = this.#services.resolve(TOKENS.registry);
    const parking = this.#services.resolve(TOKENS.parking);
    const sender = this.#services.resolve(TOKENS.sender);
    const plain = this.#services.resolve(TOKENS.plainServices);
    runtime.stall.catchUpBy(async () => mesh.flush());
    mesh.subscribe(subscriptions.replies(this.#router), (message) => {
      // What came after its time, or to nobody, may come by the thousand: it is looked at no further. What is no id is told.
      const id = replyIdOf(message.subject);
      if (sender.awaits(id) || !isIdToken(id)) return sender.onReply(message);
      const subject = plain.awaits(id) ? parseReplySubject(message.subject) : undefined;
      if (subject !== undefined) plain.onReply(message, subject.service, subject.id);
    });
    hearInstances(mesh, runtime, registry, [subscriptions.instances]);
    mesh.onStatus((status) => {
      if (status.type !== "connected") return;
      registry.thaw(runtime.clock.nowMs());
      // Requests and replies may have been lost with the connection; what could not be sent goes out now.
      sender.askAll();
      parking.brokerReturned();
    });
    this.#every(SWEEP_MS, () => this.#sweep(registry, runtime));
    this.#every(PROBE_TICK_MS, () => sender.tick());
  }

  #sweep(registry: Registry, runtime: Runtime): void {
    if (!this.#connections.mesh.connected) return;
    const now = runtime.clock.nowMs();
    // Who stood still himself cannot tell who was silent.
    if (runtime.stall.stalledWithin(SWEEP_MS * 2)) registry.thaw(now);
    registry.sweep(now);
  }

  #takeCalls(): void {
    const pipeline = this.#services.resolve(TOKENS.pipeline);
    const active = this.#services.resolve(TOKENS.active);
    const cancels = new Cancels({ runtime: this.#services.resolve(TOKENS.runtime), active });
    this.#connections.mesh.subscribe(subscriptions.cancels(this.#router), (message) => cancels.hear(message));
    this.#connections.mesh.subscribe(subscriptions.via(this.#router), (message) => pipeline.handle(message, "via"));
    this.#calls = this.#connections.mesh.subscribe(
      subscriptions.calls,
      (message) => pipeline.handle(message, "shared"),
      ROUTER_QUEUE,
    );
  }

  #giveUp(message: string): void {
    for (const call of [...this.#services.resolve(TOKENS.active).all()])
      call.dispatch?.cancel(MeshError.of("gone", message, { origin: "router" }));
  }

  #every(ms: number, run: () => void): void {
    this.#timers.push(setInterval(run, ms));
  }

  #checks(): readonly HealthCheck[] {
    const follower = this.#services.resolve(TOKENS.follower);
    const policy = this.#services.resolve(TOKENS.livePolicy);
    return [
      { name: "connection", ok: this.#connections.mesh.connected, why: "not connected to the broker" },
      { name: "policy", ok: policy.loaded, why: follower.problem === "" ? "not read yet" : follower.problem },
      { name: "draining", ok: this.#draining === undefined, why: "this router is draining" },
    ];
  }

  async drain(): Promise<void> {
    this.#draining ??= this.#drain();
    await this.#draining;
  }

  async #drain(): Promise<void> {
    const { log, tracer } = this.#telemetry;
    log.info({}, "router draining");
    const patience = new Promise<void>((resolve) => {
      this.#timers.push(setTimeout(resolve, DRAIN_MS));
    });
    // Who picked this router goes elsewhere when it is refused; a plain client cannot, so the broker sends none here first.
    this.#services.resolve(TOKENS.announcer).drain();
    await Promise.race([this.#calls?.drain(), patience]);
    this.#services.resolve(TOKENS.pipeline).drain();
    const active = this.#services.resolve(TOKENS.active);
    await Promise.race([active.whenIdle(), patience]);
    this.#giveUp("the router was stopped");
    this.#services.resolve(TOKENS.announcer).stop();
    this.#services.resolve(TOKENS.plainServices).stop();
    this.#services.resolve(TOKENS.follower).stop();
    for (const timer of this.#timers) clearInterval(timer);
    this.#services.resolve(TOKENS.runtime).stall.stop();
    if (this.#connections.mesh.connected) await this.#connections.mesh.flush();
    await Promise.all([this.#connections.close(), this.#closeAdmin(), tracer?.shutdown()]);
    log.info({}, "router stopped");
    await log.flush();
  }
}
