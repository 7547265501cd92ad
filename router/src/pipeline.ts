// A routed call from top to bottom. Read this first.
import type { Broker, BrokerMessage } from "@malla/sdk/broker";
import {
  addFramedReply,
  applicationFields,
  authorizeServices,
  calledFacts,
  type DispatchPorts,
  type DispatchResult,
  deadlineAtMs,
  dispatch,
  type Exchange,
  encodeFields,
  errorFields,
  errorOfReply,
  type RequestFacts,
  type Runtime,
  readRequestHeaders,
  refusePayloadBeside,
  requireTarget,
  route,
} from "@malla/sdk/call";
import {
  type CallTarget,
  MESH_SERVICE,
  MeshError,
  provenPrincipal,
  RELAYED_BLOCK,
  type Reason,
} from "@malla/sdk/contract";
import type { PolicyHolder } from "@malla/sdk/discovery";
import { lowerPriority, settingsOf } from "@malla/sdk/engine";
import { attribute, OTHER, type RefusalStage, rpcSpan } from "@malla/sdk/telemetry";
import type { ActiveCall, ActiveCalls } from "./active-calls.ts";
import type { FailureLog } from "./failure-log.ts";
import type { Claims } from "./idempotency/claims.ts";
import { type AdmitLimits, admit, heldBytes } from "./stages/admit.ts";
import { authenticate, type Drop } from "./stages/authenticate.ts";

export interface PipelinePorts {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly policy: PolicyHolder;
  readonly active: ActiveCalls;
  readonly limits: AdmitLimits;
  readonly dispatch: DispatchPorts;
  /** Calls to the service `mesh`, which this router answers itself. */
  readonly answerMesh: (target: CallTarget, message: BrokerMessage) => void;
  readonly failures: FailureLog;
  readonly claims: Claims;
}

const EMPTY = new Uint8Array(0);

export class Pipeline {
  readonly #ports: PipelinePorts;
  #draining = false;

  constructor(ports: PipelinePorts) {
    this.#ports = ports;
  }

  /** From now on every call is refused as not started. */
  drain(): void {
    this.#draining = true;
  }

  /** Every message on `mesh.call` (`shared`) and on this router's own `mesh.via`. Never throws. */
  handle(message: BrokerMessage, way: "shared" | "via"): void {
    const { broker, runtime, active, limits, policy, answerMesh, dispatch: ports } = this.#ports;
    // Only what the broker has proven, and only to a reply that is the caller's own, is ever answered.
    const target = authenticate(message);
    if (typeof target === "string") {
      this.#drop(message, target);
      return;
    }
    if (target.service === MESH_SERVICE) {
      answerMesh(target, message);
      return;
    }
    let exchange: Exchange | undefined;
    try {
      // Before any parsing, so that a flood costs as little as may be.
      admit(target, message, this.#draining, active, limits, policy.current);
      // Before anything begins that would have to be ended: what came twice, or was declared unseen, is not carried.
      const callId = callIdOf(message, way, runtime);
      if (active.isOthers(callId, target.principal))
        throw MeshError.of("bad-request", "the call's id is another caller's; ids are drawn at random", {
          origin: "router",
        });
      if (!active.mayStart(callId, target.principal)) return;
      // Headers are read once; the deadline becomes an instant; the span begins.
      const facts = readRequestHeaders(message.headers, RELAYED_BLOCK);
      refusePayloadBeside(facts, message.payload.length);
      // Heard on two connections while this router moves from one to the other. Only an SDK's ids are its own for ever.
      if (broker.hearsTwice && facts.sentAtMs !== undefined && active.hasFinished(callId, target.principal)) return;
      exchange = this.#open(target, message, callId, facts, way);
      // Before authorize, which judges the final service and method.
      route(exchange, calledFacts(exchange));
      exchange.deadlineAtMs = this.#deadline(exchange);
      this.#refuseStale(exchange);
      // Before anything is told about the target, so that strangers cannot probe for names.
      this.#authorize(exchange);
      requireTarget(exchange, ports.registry, policy.current);
      // From here on callbacks carry the call; `close` always runs. Only a call with an idempotency key waits before.
      this.#carry(exchange, heldBytes(message));
    } catch (thrown) {
      this.#rescue(target, message, exchange, thrown);
    }
  }

  #drop({ subject, reply }: BrokerMessage, why: Drop): void {
    this.#ports.runtime.refusals.refused({
      stage: `authenticate-${why}`,
      reason: "bad-request",
      principal: provenPrincipal(subject),
      ...(why === "subject"
        ? { problem: "a call whose subject no grant lets through", subject }
        : { problem: "the answer to a call would go to somebody else", subject: reply }),
    });
  }

  #open(
    target: CallTarget,
    message: BrokerMessage,
    callId: string,
    facts: RequestFacts,
    way: "shared" | "via",
  ): Exchange {
    const { runtime, policy } = this.#ports;
    const startedAtMs = runtime.clock.nowMs();
    const lostMs = this.#lostMs(facts, way);
    const { telemetry } = runtime;
    const { registry } = this.#ports.dispatch;
    const known = registry.service(target.service) !== undefined || policy.current.services.has(target.service);
    const settings = settingsOf(policy.current, target.service);
    const label = known ? target.service : OTHER;
    telemetry.callStarted("router", label);
    const { name, attributes } = rpcSpan(target.service, target.method);
    const span = telemetry.tracer?.startSpan(name, "server", facts.parent, attributes);
    span?.setAttribute(attribute.caller, target.principal);
    return {
      ...target,
      label,
      callId,
      reply: message.reply,
      via: way === "via",
      headers: facts.headers,
      payload: message.payload,
      startedAtMs,
      deadlineAtMs: deadlineAtMs(startedAtMs, facts.timeoutMs, undefined, lostMs),
      lostMs,
      timeoutMs: facts.timeoutMs,
      // Lowered, not refused: what a caller says of itself is worth what policy allows it.
      priority: lowerPriority(facts.priority, settings.maxPriorityOf(target.principal)),
      key: facts.key,
      idempotencyKey: facts.idempotencyKey,
      // An unsampled call says so to whoever comes next, or every hop would draw anew.
      stream: facts.stream,
      framedBytes: facts.framedBytes,
      parent: facts.parent ?? (span === undefined ? telemetry.tracer?.unsampledRoot() : undefined),
      span,
      forwarded: facts.forwarded,
      requestId: "",
      policy: policy.current,
      settings,
      route: undefined,
      targetService: target.service,
      targetMethod: target.method,
      idempotent: false,
      attempts: 0,
      version: "",
      ended: false,
    };
  }

  /** A Route's or service's own time is the most a call gets; a caller may ask for less. */
  #deadline({ settings, timeoutMs, startedAtMs, lostMs }: Exchange): number {
    return deadlineAtMs(startedAtMs, timeoutMs ?? settings.timeoutMs, settings.maxTimeoutMs, lostMs);
  }

  /**
   * Time the request spent on its way and in this router's own buffers (failure rule 4). Who picked this router stamped it by
   * this router's clock; of everybody else's it is only known how long it may have lain unread here.
   */
  #lostMs({ sentAtMs }: RequestFacts, way: "shared" | "via"): number {
    const { clock, stall } = this.#ports.runtime;
    return way === "via" && sentAtMs !== undefined ? Math.max(0, clock.stampMs() - sentAtMs) : stall.lostMs();
  }

  /** A call that may have been on its way for all of its time: nothing was started, and a caller who still waits goes elsewhere. */
  #refuseStale({ deadlineAtMs, startedAtMs, lostMs }: Exchange): void {
    if (lostMs === 0 || deadlineAtMs > startedAtMs) return;
    throw MeshError.of("not-started", "the call reached the router when its time may have been over", {
      origin: "router",
    });
  }

  #authorize(exchange: Exchange): void {
    authorizeServices(exchange, "router", (rules) => this.#ports.failures.audited(exchange, rules));
  }

  /** It counts as carried until it has been answered, so that a drain waits and a probe finds it. */
  #carry(exchange: Exchange, bytes: number): void {
    const { callId, principal } = exchange;
    const call: ActiveCall = { id: callId, principal, bytes, dispatch: undefined };
    this.#ports.active.start(call);
    const finish = (result: DispatchResult): void => this.#finish(call, exchange, result);
    if (exchange.idempotencyKey === undefined) this.#dispatch(call, exchange, finish);
    else void this.#dispatchOnce(call, exchange, finish);
  }

  #dispatch(call: ActiveCall, exchange: Exchange, done: (result: DispatchResult) => void): void {
    call.dispatch = dispatch(exchange, this.#ports.dispatch, done);
  }

  #finish(call: ActiveCall, exchange: Exchange, result: DispatchResult): void {
    this.#ports.active.end(call);
    let { error } = result;
    try {
      error = this.#respond(exchange, result);
    } catch (thrown) {
      // Whoever brings a result (a reply, a timer, a promise) has nobody to throw at.
      this.#ports.failures.unexpected(exchange.principal, thrown);
    }
    this.#close(exchange, error);
  }

  /** Runs a call once for its idempotency key, or answers with what it was answered before. */
  async #dispatchOnce(call: ActiveCall, exchange: Exchange, finish: (result: DispatchResult) => void): Promise<void> {
    const { claims, failures } = this.#ports;
    try {
      const claim = await claims.claim(exchange);
      if (claim.type === "replied") {
        finish({ error: errorOfReply(claim.reply.headers, "instance"), reply: claim.reply, waits: false });
        return;
      }
      // The key is what makes a second run harmless, for this mesh and for the handler that sees it.
      exchange.idempotent = true;
      this.#dispatch(call, exchange, (result) => {
        void claims
          .settle(claim, exchange, result)
          .catch((error: unknown) => failures.unexpected(exchange.principal, error))
          .finally(() => finish(result));
      });
    } catch (thrown) {
      const error =
        thrown instanceof MeshError
          ? thrown
          : MeshError.of("not-started", "the idempotency key could not be claimed", {
              origin: "router",
              cause: thrown,
            });
      finish({ error, reply: undefined, waits: false });
    }
  }

  /** Returns the error the caller sees, if any. What has grown beyond the broker's bound on its way loses its body. */
  #respond(exchange: Exchange, { error, reply }: DispatchResult): MeshError | undefined {
    if (exchange.reply === "") return error;
    const fields = reply === undefined ? [] : applicationFields(reply.headers);
    if (error !== undefined) fields.push(...errorFields(error, exchange.attempts));
    else if (exchange.stream !== undefined && reply !== undefined) addFramedReply(fields, reply);
    const headers = encodeFields(fields);
    const payload = reply?.payload ?? EMPTY;
    const bytes = headers.length + payload.length;
    const { maxPayloadBytes } = this.#ports.broker;
    if (bytes <= maxPayloadBytes) {
      this.#publish(exchange, payload, headers);
      return error;
    }
    const told =
      error ??
      MeshError.of(
        "too-large",
        `the reply has ${bytes} bytes with its headers; the broker carries ${maxPayloadBytes}`,
        {
          origin: "router",
        },
      );
    this.#publish(exchange, EMPTY, encodeFields(errorFields(told, exchange.attempts)));
    return told;
  }

  /** While the connection is down nothing is sent; the caller asks by a probe and gets it then. */
  #publish(exchange: Exchange, payload: Uint8Array, headers: Uint8Array): void {
    const { broker, active, runtime } = this.#ports;
    const { callId, principal, reply } = exchange;
    active.finished.keep(callId, reply, payload, headers, runtime.clock.nowMs(), principal);
    if (broker.connected) broker.publish(reply, payload, undefined, headers);
  }

  /** The only place where something thrown becomes a wire status. What is not ours is logged and told as `internal`. */
  #rescue(target: CallTarget, message: BrokerMessage, exchange: Exchange | undefined, thrown: unknown): void {
    const { broker, failures, runtime } = this.#ports;
    const known = thrown instanceof MeshError;
    const error = known
      ? thrown
      : MeshError.of("internal", "the router failed at this call; its log says why", {
          origin: "router",
          cause: thrown,
        });
    if (!known) failures.unexpected(target.principal, thrown);
    const fields = encodeFields(errorFields(error, exchange?.attempts ?? 0));
    if (exchange !== undefined) {
      if (exchange.reply !== "") this.#publish(exchange, EMPTY, fields);
      // `close` writes the line of a call that was opened.
      runtime.telemetry.rejected(stageOf(error), error.reason);
      this.#close(exchange, error);
      return;
    }
    runtime.refusals.refused({ ...target, stage: stageOf(error), reason: error.reason, problem: error.message });
    if (message.reply !== "" && broker.connected) broker.publish(message.reply, EMPTY, undefined, fields);
  }

  /** Metrics, span and log of a call that ended, once. */
  #close(exchange: Exchange, error: MeshError | undefined): void {
    if (exchange.ended) return;
    exchange.ended = true;
    const { telemetry, clock } = this.#ports.runtime;
    const code = error?.status ?? "OK";
    const reason: Reason | "" = error?.reason ?? "";
    exchange.span?.end(code, reason);
    telemetry.callEnded({
      reporter: "router",
      caller: exchange.principal,
      service: exchange.label,
      method: this.#methodLabel(exchange),
      version: exchange.version,
      code,
      reason,
      durationMs: clock.nowMs() - exchange.startedAtMs,
      attempts: exchange.attempts,
    });
    if (error !== undefined) this.#ports.failures.failed(exchange, error);
  }

  /** A method that nobody has announced must not become a label: a caller could make up a million of them. */
  #methodLabel({ targetService, targetMethod }: Exchange): string {
    const entry = this.#ports.dispatch.registry.service(targetService);
    for (const instance of entry?.instances.values() ?? []) if (instance.methods.has(targetMethod)) return targetMethod;
    return OTHER;
  }
}

/**
 * Who picked this router asks by the last token, which its SDK drew. Other clients may count, each from one, and nobody can
 * ask for a call that any router may have taken.
 */
function callIdOf({ reply }: BrokerMessage, way: "shared" | "via", { ids }: Runtime): string {
  const last = way === "via" ? reply.slice(reply.lastIndexOf(".") + 1) : "";
  return last === "" ? ids.next() : last;
}

/** The stage that throws this reason, of those before a call is carried. */
function stageOf({ reason }: MeshError): RefusalStage {
  switch (reason) {
    case "bad-request":
      return "open";
    case "denied":
    case "unauthenticated":
      return "authorize";
    case "no-service":
    case "no-method":
      return "route";
    case "overloaded":
    case "not-started":
      return "admit";
    default:
      return "dispatch";
  }
}
