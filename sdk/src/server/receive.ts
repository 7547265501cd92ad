// What an instance does with what is sent to it: probes and cancels at once, calls after the read chunk they came in, so
// that a cancel right behind a call still finds it unstarted (failure rule 4). admit → run → answer.
import type { Broker, BrokerMessage, BrokerSubscription } from "../broker/broker.ts";
import { runWithin } from "../call/ambient.ts";
import { type RequestFacts, readRequestHeaders } from "../call/open.ts";
import { encodeFields, errorFields } from "../call/respond.ts";
import type { Runtime } from "../call/runtime.ts";
import {
  type AttemptTarget,
  encodeHeaderBlock,
  formatLoad,
  header,
  headerValue,
  MeshError,
  type ReportedLoad,
  subscriptions,
} from "../contract/index.ts";
import type { RouterDirectory } from "../discovery/router-directory.ts";
import type { Span } from "../telemetry/port.ts";
import { attribute, rpcSpan } from "../telemetry/rpc-semantics.ts";
import { createCallContext } from "./create-call-context.ts";
import type { DirectGate } from "./direct-gate.ts";
import { type Endpoint, impliedContentType } from "./endpoint.ts";
import type { EndpointStats } from "./endpoint-stats.ts";
import { type Arrived, Intake } from "./intake.ts";
import { isThenable } from "./is-thenable.ts";
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
  /** Judges calls that come past the routers; without one none are heard. */
  readonly gate?: DirectGate | undefined;
  /** Somebody may not have heard of this instance. */
  readonly onGreeting?: () => void;
}

const EMPTY = new Uint8Array(0);

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #endpoints = new Map<string, ServedEndpoint>();
  readonly #calls = new RunningCalls();
  readonly #intake: Intake;
  #subscriptions: readonly BrokerSubscription[] = [];
  #draining = false;
  #disconnectedAtMs = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
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
    if (!this.#calls.mayStart(id)) return;
    if (this.#draining) return this.#refuse(message, notStarted("the instance is draining"));
    if (this.#calls.size >= this.#options.maxInFlight)
      return this.#refuse(message, notStarted(`the instance runs ${this.#options.maxInFlight} calls already`));
    let facts: RequestFacts;
    try {
      facts = readRequestHeaders(message.headers);
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
    const controller = new AbortController();
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
        controller.abort(error);
        finish(error, undefined);
        goneOn = served.abandon();
      },
    };
    this.#calls.start(call);
    telemetry.callStarted("instance", target.service);
    const context = createCallContext(runtime, target, facts, controller.signal, startedAtMs + remainingMs, span);
    const ambient = {
      deadlineAtMs: startedAtMs + remainingMs,
      signal: controller.signal,
      trace: span?.context ?? facts.parent ?? telemetry.tracer?.unsampledRoot(),
      baggage: headerValue(facts.headers, header.baggage),
      priority: facts.priority,
    };
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
        this.#reply(id, message.reply, encoded.bytes, encoded.headers);
        return undefined;
      }
      error = encoded;
    }
    const fields = errorFields(error, 1);
    fields.push(header.load, formatLoad(this.load));
    this.#reply(id, message.reply, EMPTY, encodeFields(fields));
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

  #reply(id: string, subject: string, payload: Uint8Array, headers: Uint8Array): void {
    this.#calls.finished.keep(id, subject, payload, headers, this.#options.runtime.clock.nowMs());
    this.#publish(subject, payload, headers);
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

function notStarted(message: string): MeshError {
  return MeshError.of("not-started", message, { origin: "instance" });
}
