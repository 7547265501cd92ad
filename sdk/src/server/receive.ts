// What an instance does with what is sent to it: probes and cancels at once, calls after the read chunk they came in, so
// that a cancel right behind a call still finds it unstarted (failure rule 4). What is admitted here `call-runner.ts` runs and answers.
import type { Broker, BrokerMessage, BrokerSubscription } from "../broker/broker.ts";
import type { FramePool } from "../call/frames/frame-pool.ts";
import { refusePayloadBeside } from "../call/frames/handshake.ts";
import { type RequestFacts, readRequestHeaders } from "../call/open.ts";
import { errorFields } from "../call/respond.ts";
import type { Runtime } from "../call/runtime.ts";
import { MAX_PROBED_IDS } from "../call/waiting-table.ts";
import {
  type AttemptTarget,
  encodeHeaderBlock,
  encodeProbeAnswer,
  formatLoad,
  header,
  isIdToken,
  MeshError,
  PROBE_METHOD,
  parseAttemptSubject,
  parseReplySubject,
  provenPrincipal,
  type ReportedLoad,
  subscriptions,
} from "../contract/index.ts";
import type { RouterDirectory } from "../discovery/router-directory.ts";
import type { RefusalStage } from "../telemetry/refusal-stages.ts";
import { ArrivedQueue } from "./arrived-queue.ts";
import { CallRunner } from "./call-runner.ts";
import { controlHeader } from "./control-header.ts";
import type { Endpoint } from "./endpoint.ts";
import type { EndpointStats } from "./endpoint-stats.ts";
import { InstanceFrames } from "./instance-frames.ts";
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
  /** What streams share with those of the calls this process makes. */
  readonly pool: FramePool;
}

/** A request that was read and waits for its turn after the read chunk. */
interface Arrived {
  readonly message: BrokerMessage;
  readonly target: AttemptTarget;
  readonly id: string;
  /** Time it is known to have waited in this process's buffers, in ms. */
  readonly lostMs: number;
}

const EMPTY = new Uint8Array(0);

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #endpoints = new Map<string, ServedEndpoint>();
  readonly #calls = new RunningCalls();
  readonly #frames: InstanceFrames;
  readonly #runner: CallRunner;
  readonly #arrived: ArrivedQueue<Arrived>;
  #subscription: BrokerSubscription | undefined;
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
    this.#arrived = new ArrivedQueue<Arrived>(
      (request) => this.#receive(request),
      (error) => options.runtime.telemetry.log.error({ err: error }, "a call could not be received"),
    );
  }

  add(endpoint: Endpoint, stats: EndpointStats): void {
    if (this.#endpoints.has(endpoint.name)) throw new TypeError(`method ${endpoint.name} is served already`);
    this.#endpoints.set(endpoint.name, new ServedEndpoint(endpoint, stats));
  }

  start(): void {
    const { broker, service, instance } = this.#options;
    this.#subscription ??= broker.subscribe(subscriptions.run(service, instance), (message) =>
      this.#onMessage(message),
    );
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
    await this.#subscription?.drain();
    this.#subscription = undefined;
    // What came last is refused after its read chunk.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async whenIdle(): Promise<void> {
    await this.#calls.whenIdle();
    await this.#frames.whenIdle();
  }

  get load(): ReportedLoad {
    return { inFlight: this.#calls.size, queued: this.#arrived.size, loopLagMs: this.#options.runtime.stall.lagMs };
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

  #onMessage(message: BrokerMessage): void {
    const target = parseAttemptSubject(message.subject);
    if (target === undefined || target.kind !== "run") {
      this.#refused("attempt-subject", message.subject, "an attempt whose subject is malformed");
      return;
    }
    const { service, runtime } = this.#options;
    if (target.method === PROBE_METHOD) {
      this.#answerProbe(message);
      return;
    }
    const reply = message.reply === "" ? undefined : parseReplySubject(message.reply);
    if (message.reply !== "" && reply?.service !== service) {
      this.#refused("attempt-reply", message.subject, "an attempt whose answer would not go to a router");
      return;
    }
    if (reply === undefined && this.#wasCancel(message)) return;
    const id = reply?.id ?? runtime.ids.next();
    if (this.#arrived.add({ message, target, id, lostMs: runtime.stall.lostMs() }) || !this.#calls.mayStart(id)) return;
    this.#refuse(message, notStarted("too many requests have arrived at once"));
  }

  #wasCancel(message: BrokerMessage): boolean {
    const { value, problem } = controlHeader(message, header.cancel);
    if (problem !== "") this.#refused("attempt-headers", message.subject, problem);
    else if (value === undefined) return false;
    else if (isIdToken(value)) this.#calls.cancel(value);
    else this.#refused("cancel", message.subject, `header ${header.cancel}: an id is expected`);
    return true;
  }

  #answerProbe(message: BrokerMessage): void {
    const { broker, service } = this.#options;
    if (parseReplySubject(message.reply)?.service !== service) {
      this.#refused("attempt-reply", message.subject, "a probe whose answer would not go to a router");
      return;
    }
    const { value, problem } = controlHeader(message, header.probe);
    if (value === undefined) {
      this.#refused("probe", message.subject, problem || `header ${header.probe}: ids are expected`);
      return;
    }
    const waiting = this.#arrived.ids();
    // Once each: a list that names one id a thousand times must not bring its reply a thousand times.
    const ids = [...new Set(value.split(",", MAX_PROBED_IDS))].filter(isIdToken);
    const answer = this.#calls.probe(ids.filter((id) => !waiting.has(id)));
    const running = [...answer.running, ...ids.filter((id) => waiting.has(id))];
    for (const id of answer.done) {
      const reply = this.#calls.finished.find(id);
      if (reply !== undefined) broker.publish(reply.subject, reply.payload, undefined, reply.headers);
    }
    broker.publish(message.reply, encodeProbeAnswer({ ...answer, running }));
  }

  /** What a router of this mesh never sends: dropped, unanswered. */
  #refused(stage: RefusalStage, subject: string, problem: string): void {
    const principal = provenPrincipal(subject);
    this.#options.runtime.refusals.refused({ stage, reason: "bad-request", principal, problem });
  }

  /** Refuses or runs. Refusals here prove that nothing ran. */
  #receive({ message, target, id, lostMs }: Arrived): void {
    if (!this.#calls.mayStart(id)) return;
    if (this.#draining) return this.#refuse(message, notStarted("the instance is draining"));
    if (this.#calls.size >= this.#options.maxInFlight)
      return this.#refuse(message, notStarted(`the instance runs ${this.#options.maxInFlight} calls already`));
    const found = this.#endpoints.get(target.method);
    if (found === undefined) {
      const text = `service ${target.service} has no method ${target.method}`;
      return this.#refuse(message, MeshError.of("no-method", text, { origin: "instance" }));
    }
    if (!found.mayRun) {
      const text = `${target.method} goes on in too many handlers whose calls have ended: do they obey their signal?`;
      return this.#refuse(message, notStarted(text));
    }
    let facts: RequestFacts;
    try {
      facts = readRequestHeaders(message.headers);
      refusePayloadBeside(facts, message.payload.length);
    } catch (error) {
      this.#refused("attempt-headers", message.subject, (error as Error).message);
      return this.#refuse(message, MeshError.from(error, "instance"));
    }
    const remainingMs = remainingTimeMs(this.#options, facts, message.reply, lostMs);
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

function notStarted(message: string): MeshError {
  return MeshError.of("not-started", message, { origin: "instance" });
}
