// What an instance does with what is sent to it: probes and cancels at once, calls after the read chunk they came in, so
// that a cancel right behind a call still finds it unstarted (failure rule 4). admit → run → answer.
import type { Broker, BrokerMessage, BrokerSubscription } from "../broker/broker.ts";
import { Ambient, runWithin } from "../call/ambient.ts";
import { LazyAbort } from "../call/lazy-abort.ts";
import { type RequestFacts, readRequestHeaders } from "../call/open.ts";
import { encodeFields, errorFields } from "../call/respond.ts";
import type { Runtime } from "../call/runtime.ts";
import { MAX_PROBED_IDS } from "../call/waiting-table.ts";
import {
  type AttemptTarget,
  encodeHeaderBlock,
  encodeProbeAnswer,
  formatLoad,
  header,
  headerValue,
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
import type { Span } from "../telemetry/port.ts";
import type { RefusalStage } from "../telemetry/refusal-stages.ts";
import { attribute, rpcSpan } from "../telemetry/rpc-semantics.ts";
import { ArrivedQueue } from "./arrived-queue.ts";
import { controlHeader } from "./control-header.ts";
import { createCallContext } from "./create-call-context.ts";
import { type Endpoint, impliedContentType } from "./endpoint.ts";
import type { EndpointStats } from "./endpoint-stats.ts";
import { isThenable } from "./is-thenable.ts";
import { notStarted } from "./not-started.ts";
import { refuseTooLarge } from "./refuse-too-large.ts";
import { remainingTimeMs } from "./remaining-time.ts";
import { RunningCalls } from "./running-calls.ts";
import { ServedEndpoint } from "./served-endpoint.ts";
import { thrownError, unencodable } from "./thrown-error.ts";

export interface ReceiverOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly routers: RouterDirectory;
  readonly service: string;
  readonly instance: string;
  readonly version: string;
  /** Calls run at a time before more are refused as not started. */
  readonly maxInFlight: number;
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
  readonly #arrived: ArrivedQueue<Arrived>;
  #subscription: BrokerSubscription | undefined;
  #draining = false;
  #disconnectedAtMs = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
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
    if (this.#arrived.add({ message, target, id, lostMs: runtime.stall.lostMs() })) return;
    if (!this.#mayStart(id, target.principal)) return;
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

  #mayStart(id: string, principal: string): boolean {
    return this.#calls.mayStart(id, principal, this.#options.broker.hearsTwice);
  }

  /** What a router of this mesh never sends: dropped, unanswered. */
  #refused(stage: RefusalStage, subject: string, problem: string): void {
    const principal = provenPrincipal(subject);
    this.#options.runtime.refusals.refused({ stage, reason: "bad-request", principal, problem });
  }

  /** Refuses or runs. Refusals here prove that nothing ran. */
  #receive({ message, target, id, lostMs }: Arrived): void {
    if (!this.#mayStart(id, target.principal)) return;
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
    this.#run(found, { message, target, id, facts, remainingMs });
  }

  #refuse(message: BrokerMessage, error: MeshError): void {
    if (message.reply === "") return;
    const fields = errorFields(error, 1);
    fields.push(header.load, formatLoad(this.load));
    this.#publish(message.reply, EMPTY, encodeHeaderBlock(fields));
  }

  #run(
    served: ServedEndpoint,
    {
      message,
      target,
      id,
      facts,
      remainingMs,
    }: { message: BrokerMessage; target: AttemptTarget; id: string; facts: RequestFacts; remainingMs: number },
  ): void {
    const { runtime } = this.#options;
    const { endpoint, stats } = served;
    const { clock, timers, telemetry } = runtime;
    const startedAtMs = clock.nowMs();
    const abort = new LazyAbort();
    const deadlineTimer = timers.schedule(remainingMs, () => call.abort("deadline"));
    const { name, attributes } = rpcSpan(target.service, target.method);
    const span = telemetry.tracer?.startSpan(name, "server", facts.parent, {
      ...attributes,
      [attribute.instance]: this.#options.instance,
    });
    let settled = false;
    let goneOn: (() => void) | undefined;
    const finish = (error: MeshError | undefined, value: unknown): void => {
      if (settled) {
        // The handler has ended after its call.
        goneOn?.();
        return;
      }
      settled = true;
      timers.cancel(deadlineTimer);
      let ended = error;
      try {
        ended = this.#answer(endpoint, message, facts, id, error, value);
      } catch (thrown) {
        // A connection that was closed this instant: nobody can be answered, but the call has ended all the same.
        telemetry.log.warn(
          { err: thrown, service: target.service, method: target.method },
          "a reply could not be sent",
        );
      }
      this.#calls.end(id);
      this.#record(stats, target, ended, clock.nowMs() - startedAtMs, span);
    };
    const call = {
      id,
      abort: (reason: "cancelled" | "deadline"): void => {
        const text = reason === "deadline" ? "the deadline passed while the handler ran" : "the caller gave up";
        const error = MeshError.of(reason, text, { origin: "instance" });
        abort.abort(error);
        finish(error, undefined);
        goneOn = served.abandon();
      },
    };
    this.#calls.start(call);
    telemetry.callStarted("instance", target.service);
    const context = createCallContext(runtime, target, facts, abort, startedAtMs + remainingMs, span);
    const trace = span?.context ?? facts.parent ?? telemetry.tracer?.unsampledRoot();
    const baggage = headerValue(facts.headers, header.baggage);
    const ambient = new Ambient(startedAtMs + remainingMs, abort, trace, baggage, facts.priority);
    runWithin(ambient, () => {
      try {
        const request = endpoint.decode(message.payload, headerValue(facts.headers, header.contentType));
        const run = (): unknown => endpoint.handler(request, context);
        const result =
          span === undefined || telemetry.tracer?.within === undefined ? run() : telemetry.tracer.within(span, run);
        if (isThenable(result))
          result.then(
            (value) => finish(undefined, value),
            (thrown: unknown) => finish(thrownError(thrown), undefined),
          );
        else finish(undefined, result);
      } catch (thrown) {
        finish(thrownError(thrown), undefined);
      }
    });
  }

  /** Writes the reply; what cannot be encoded or carried becomes an error. Returns the error the caller sees, if any. */
  #answer(
    endpoint: Endpoint,
    message: BrokerMessage,
    facts: RequestFacts,
    id: string,
    error: MeshError | undefined,
    value: unknown,
  ): MeshError | undefined {
    if (message.reply === "") return error;
    if (error === undefined) {
      const encoded = this.#encode(endpoint, message, facts, value);
      if (!(encoded instanceof MeshError)) {
        this.#reply(id, message, encoded.bytes, encoded.headers);
        return undefined;
      }
      error = encoded;
    }
    const fields = errorFields(error, 1);
    fields.push(header.load, formatLoad(this.load));
    this.#reply(id, message, EMPTY, encodeFields(fields));
    return error;
  }

  #encode(
    endpoint: Endpoint,
    message: BrokerMessage,
    facts: RequestFacts,
    value: unknown,
  ): { readonly bytes: Uint8Array; readonly headers: Uint8Array } | MeshError {
    try {
      const { bytes, contentType } = endpoint.encode(
        value,
        headerValue(facts.headers, header.contentType) ?? impliedContentType(message.payload),
      );
      const headers = encodeHeaderBlock([header.contentType, contentType, header.load, formatLoad(this.load)]);
      refuseTooLarge(bytes.length + headers.length, this.#options.broker.maxPayloadBytes);
      return { bytes, headers };
    } catch (thrown) {
      return thrown instanceof MeshError && thrown.reason === "too-large" ? thrown : unencodable(thrown);
    }
  }

  #reply(id: string, { subject, reply }: BrokerMessage, payload: Uint8Array, headers: Uint8Array): void {
    const nowMs = this.#options.runtime.clock.nowMs();
    this.#calls.finished.keep(id, reply, payload, headers, nowMs, provenPrincipal(subject));
    this.#publish(reply, payload, headers);
  }

  /** While the connection is down nothing is sent: the reply is kept and sent again after. */
  #publish(subject: string, payload: Uint8Array, headers: Uint8Array): void {
    const { broker } = this.#options;
    if (broker.connected) broker.publish(subject, payload, undefined, headers);
  }

  #record(
    stats: EndpointStats,
    target: AttemptTarget,
    error: MeshError | undefined,
    durationMs: number,
    span: Span | undefined,
  ): void {
    stats.ended(durationMs, error);
    const { telemetry } = this.#options.runtime;
    const code = error?.status ?? "OK";
    const reason = error?.reason ?? "";
    span?.end(code, reason);
    telemetry.callEnded({
      reporter: "instance",
      caller: target.principal,
      service: target.service,
      method: target.method,
      version: this.#options.version,
      code,
      reason,
      durationMs,
      attempts: 1,
    });
    if (error?.reason === "handler") {
      telemetry.log.error(
        { err: error.cause ?? error, service: target.service, method: target.method, principal: target.principal },
        "a handler threw",
      );
    }
  }
}
