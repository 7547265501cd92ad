// What an instance does with what is sent to it: probes and cancels at once, calls after the read chunk they came in, so
// that a cancel right behind a call still finds it unstarted (failure rule 4). What is admitted here `call-runner.ts` runs and answers.
import type { Broker, BrokerMessage, BrokerSubscription } from "../broker/broker.ts";
import type { FramePool } from "../call/frames/frame-pool.ts";
import { refusePayloadBeside } from "../call/frames/handshake.ts";
import { type RequestFacts, readRequestHeaders } from "../call/open.ts";
import { errorFields } from "../call/respond.ts";
import type { Runtime } from "../call/runtime.ts";
import {
  encodeHeaderBlock,
  formatLoad,
  header,
  MeshError,
  type ReportedLoad,
  subscriptions,
} from "../contract/index.ts";
import type { RouterDirectory } from "../discovery/router-directory.ts";
import { CallRunner } from "./call-runner.ts";
import type { DirectGate } from "./direct-gate.ts";
import type { Endpoint } from "./endpoint.ts";
import type { EndpointStats } from "./endpoint-stats.ts";
import { InstanceFrames } from "./instance-frames.ts";
import { type Arrived, Intake } from "./intake.ts";
import { notStarted } from "./not-started.ts";
import { remainingTimeMs } from "./remaining-time.ts";
import { RunningCalls } from "./running-calls.ts";
import { ServedEndpoint } from "./served-endpoint.ts";

export interface ReceiverOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly routers: RouterDirectory;
  readonly service: string;
  readonly instance: string;
  readonly version: string;
  /** Calls run at a time before more are refused as not started. */
  readonly maxInFlight: number;
  /** Judges calls that come past the routers; without one none are heard. */
  readonly gate?: DirectGate | undefined;
  /** Somebody may not have heard of this instance. */
  readonly onGreeting?: () => void;
  /** What streams share with those of the calls this process makes. */
  readonly pool: FramePool;
}

const EMPTY = new Uint8Array(0);

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #endpoints = new Map<string, ServedEndpoint>();
  readonly #calls = new RunningCalls();
  readonly #frames: InstanceFrames;
  readonly #runner: CallRunner;
  readonly #intake: Intake;
  #subscriptions: readonly BrokerSubscription[] = [];
  #draining = false;
  #disconnectedAtMs = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#frames = new InstanceFrames(options);
    this.#runner = new CallRunner({
      ...options,
      calls: this.#calls,
      frames: this.#frames,
      load: () => this.load,
      refuse: (message, error) => this.#refuse(message, error),
    });
    this.#intake = new Intake({
      ...options,
      calls: this.#calls,
      onTurn: (arrived) => this.#receive(arrived),
      onTooMany: (message) => this.#refuse(message, notStarted("too many requests have arrived at once")),
      onGreeting: options.onGreeting ?? ((): void => undefined),
    });
  }

  add(endpoint: Endpoint, stats: EndpointStats): void {
    if (this.#endpoints.has(endpoint.name)) throw new TypeError(`method ${endpoint.name} is served already`);
    this.#endpoints.set(endpoint.name, new ServedEndpoint(endpoint, stats));
  }

  start(): void {
    const { broker, service, instance, gate } = this.#options;
    if (this.#subscriptions.length > 0) return;
    const run = broker.subscribe(subscriptions.run(service, instance), (message) => this.#intake.take(message, "run"));
    this.#subscriptions = [run];
    if (gate !== undefined) {
      const direct = subscriptions.direct(service, instance);
      this.#subscriptions = [run, broker.subscribe(direct, (message) => this.#intake.take(message, "direct"))];
    }
    broker.onStatus((status) => {
      const now = this.#options.runtime.clock.nowMs();
      if (status.type === "disconnected") this.#disconnectedAtMs = now;
      if (status.type === "connected") this.#sendAgain();
      if (status.type === "closed") this.#frames.stop();
    });
  }

  /** From now on every new call is refused as not started, so that it goes elsewhere. */
  drain(): void {
    this.#draining = true;
  }

  /** Resolves when all that was on its way here has been refused: dropped, it would look like calls that were lost. */
  async stop(): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.drain()));
    this.#subscriptions = [];
    // What came last is refused after its read chunk.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async whenIdle(): Promise<void> {
    await this.#calls.whenIdle();
    await this.#frames.whenIdle();
  }

  get load(): ReportedLoad {
    return { inFlight: this.#calls.size, queued: this.#intake.size, loopLagMs: this.#options.runtime.stall.lagMs };
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Replies that ended just before or while the connection was down may be lost: they are sent again. */
  #sendAgain(): void {
    const { broker } = this.#options;
    for (const reply of this.#calls.finished.since(this.#disconnectedAtMs - 2_000)) {
      broker.publish(reply.subject, reply.payload, undefined, reply.headers);
    }
  }

  /** Refuses or runs. Refusals here prove that nothing ran. */
  #receive(arrived: Arrived): void {
    const { message, target, id } = arrived;
    if (!this.#calls.mayStart(id, target.principal, this.#options.broker.hearsTwice)) return;
    if (this.#draining) return this.#refuse(message, notStarted("the instance is draining"));
    if (this.#calls.size >= this.#options.maxInFlight)
      return this.#refuse(message, notStarted(`the instance runs ${this.#options.maxInFlight} calls already`));
    let facts: RequestFacts;
    try {
      facts = readRequestHeaders(message.headers);
      refusePayloadBeside(facts, message.payload.length);
    } catch (error) {
      this.#intake.refused("attempt-headers", message.subject, (error as Error).message);
      return this.#refuse(message, MeshError.from(error, "instance"));
    }
    // Before anything is told about the target, so that strangers cannot probe for names.
    const judged = target.kind === "direct" ? this.#options.gate?.judge(target, facts) : facts;
    if (judged instanceof MeshError) return this.#refuse(message, judged);
    facts = judged ?? facts;
    const found = this.#endpoints.get(target.method);
    if (found === undefined) {
      const text = `service ${target.service} has no method ${target.method}`;
      return this.#refuse(message, MeshError.of("no-method", text, { origin: "instance" }));
    }
    if (!found.mayRun) {
      const text = `${target.method} goes on in too many handlers whose calls have ended: do they obey their signal?`;
      return this.#refuse(message, notStarted(text));
    }
    const remainingMs = remainingTimeMs(this.#options, facts, arrived);
    if (remainingMs <= 0) {
      return this.#refuse(
        message,
        MeshError.of("deadline", "the deadline had passed before the call could start", { origin: "instance" }),
      );
    }
    this.#runner.run(found, { message, target, id, facts, remainingMs });
  }

  #refuse(message: BrokerMessage, error: MeshError): void {
    if (message.reply === "") return;
    const fields = errorFields(error, 1);
    fields.push(header.load, formatLoad(this.load));
    const { broker } = this.#options;
    if (broker.connected) broker.publish(message.reply, EMPTY, undefined, encodeHeaderBlock(fields));
  }
}
